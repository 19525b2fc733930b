import { StoreUnavailableError } from '../order-store';

type Waiting<In, Out> = { readonly item: In; readonly resolve: (out: Out) => void; readonly reject: (error: unknown) => void };

const BATCH_ITEMS = 500;
const BATCH_CHARACTERS = 2_000_000;
/** Of what waits: beyond it more is refused, so that a slow database costs no more memory than this. */
const WAITING_MAX = 20_000;
const WAITING_MAX_CHARACTERS = 67_108_864;

/**
 * Collects what comes while a round trip is in flight for the next one: the more comes, the less each costs, and nothing waits for
 * company. One item of a key at a time, each batch by key.
 * @param run resolves to an outcome of each item, in their order
 */
export const createBatcher = <In, Out>({ keyOf, charactersOf, run }: {
  keyOf: (item: In) => string;
  charactersOf: (item: In) => number;
  run: (items: readonly In[]) => Promise<readonly Out[]>;
}) => {
  const waiting = new Map<string, Waiting<In, Out>[]>();
  let items = 0;
  let characters = 0;
  let inFlight = false;

  /** What waits behind the first of its key goes to the end: one key that is asked for a lot delays no other. */
  const nextBatch = (): Waiting<In, Out>[] => {
    const batch: Waiting<In, Out>[] = [];
    const later: [key: string, those: Waiting<In, Out>[]][] = [];
    let size = 0;
    for (const [key, those] of waiting) {
      const [first] = those;
      if (first === undefined) continue;
      size += charactersOf(first.item);
      if (batch.length === BATCH_ITEMS || (batch.length > 0 && size > BATCH_CHARACTERS)) break;
      batch.push(first);
      those.shift();
      waiting.delete(key);
      if (those.length > 0) later.push([key, those]);
      items -= 1;
      characters -= charactersOf(first.item);
    }
    for (const [key, those] of later) waiting.set(key, those);
    return batch.sort((one, other) => (keyOf(one.item) < keyOf(other.item) ? -1 : 1));
  };

  const runBatch = async (batch: readonly Waiting<In, Out>[]): Promise<void> => {
    try {
      const outs = await run(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, i) => {
        const out = outs[i];
        if (out === undefined) reject(new Error('an outcome is missing'));
        else resolve(out);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  const runAll = async (): Promise<void> => {
    if (inFlight) return;
    inFlight = true;
    // What is read from all sockets in the same turn travels together.
    await new Promise(setImmediate);
    while (waiting.size > 0) await runBatch(nextBatch());
    inFlight = false;
  };

  /** Resolves to the item's outcome; rejects with StoreUnavailableError when too much waits already. */
  return (item: In): Promise<Out> => new Promise((resolve, reject) => {
    const size = charactersOf(item);
    if (items >= WAITING_MAX || characters + size > WAITING_MAX_CHARACTERS) {
      reject(new StoreUnavailableError('too much waits for the database'));
      return;
    }
    const key = keyOf(item);
    const others = waiting.get(key);
    if (others === undefined) waiting.set(key, [{ item, resolve, reject }]);
    else others.push({ item, resolve, reject });
    items += 1;
    characters += size;
    void runAll();
  });
};
