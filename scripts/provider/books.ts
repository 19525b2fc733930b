import { z } from 'zod';

/** The body of `POST /charges`. */
export const chargeRequestSchema = z.object({
  reference: z.string().min(1).max(128), amount: z.number().positive(), currency: z.string().regex(/^[A-Z]{3}$/),
});
export type ChargeRequest = z.output<typeof chargeRequestSchema>;

/** A line of the ledger: a key seen for the first time, a charge that was booked, or an error that is kept as the answer of a key. */
const entrySchema = z.discriminatedUnion('type', [
  chargeRequestSchema.extend({ type: z.literal('key'), key: z.string(), at: z.string() }),
  z.object({ type: z.literal('charge'), key: z.string(), id: z.string(), status: z.enum(['approved', 'declined']), at: z.string() }),
  z.object({ type: z.literal('error'), key: z.string(), at: z.string() }),
]);
export type Entry = z.output<typeof entrySchema>;

/** @throws when the ledger holds what this program did not write */
export const readEntries = (lines: unknown[]): Entry[] => lines.map((line) => entrySchema.parse(line));

export type Charge = ChargeRequest & { id: string; key: string; status: 'approved' | 'declined' | 'pending'; createdAt: string };

/** What is known of an idempotency key. `answer` is what every later call under it gets. */
export type Key = ChargeRequest & {
  key: string;
  /** Of the keys of its reference, counted from 0. */
  number: number;
  seenAt: number;
  answer: { status: 201 | 402; charge: Charge } | { status: 500 } | undefined;
};

export type Books = ReturnType<typeof createBooks>;

/** The ledger as it is asked for: by key, by reference, newest first. */
export const createBooks = (entries: Entry[]) => {
  const keys = new Map<string, Key>();
  const ofReference = new Map<string, { keys: number; charges: Charge[] }>();
  const all: Charge[] = [];

  const apply = (entry: Entry): void => {
    const known = keys.get(entry.key);
    if (entry.type === 'key') {
      const { key, reference, amount, currency } = entry;
      const those = ofReference.get(reference) ?? { keys: 0, charges: [] };
      ofReference.set(reference, those);
      const number = known === undefined ? (those.keys += 1) - 1 : known.number;
      keys.set(key, { key, reference, amount, currency, number, seenAt: Date.parse(entry.at), answer: undefined });
      return;
    }
    if (known === undefined) throw new Error(`the ledger has no key ${entry.key} before its ${entry.type}`);
    if (entry.type === 'error') {
      known.answer = { status: 500 };
      return;
    }
    const { key, reference, amount, currency } = known;
    const charge: Charge = { id: entry.id, reference, amount, currency, key, status: entry.status, createdAt: entry.at };
    known.answer = { status: entry.status === 'approved' ? 201 : 402, charge };
    ofReference.get(reference)!.charges.push(charge);
    all.push(charge);
  };
  for (const entry of entries) apply(entry);

  return {
    apply,
    key: (key: string): Key | undefined => keys.get(key),
    chargesOf: (reference: string): Charge[] => ofReference.get(reference)?.charges ?? [],
    newest: (limit: number): Charge[] => all.slice(-limit).reverse(),
  };
};
