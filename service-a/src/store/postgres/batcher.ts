import { StoreUnavailableError } from '../../processors/order-store';

type Waiting<In, Out> = { readonly item: In; readonly resolve: (out: Out) => void; readonly reject: (error: unknown) => void };

const BATCH_ITEMS = 500;
const BATCH_CHARACTERS = 2_000_000;
/** Of what waits: beyond it more is refused, so that a slow database costs no more memory than this. */
const WAITING_MAX = 20_000;
const WAITING_MAX_CHARACTERS = 67_108_864;

/**
 * Collects what comes while a round trip is in flight for the next one: the more comes, the less each costs, and nothing waits for
 * company. One item of a key at a time.
 * @param run resolves to an outcome of each item, in their order
 */
export const createBatcher = <In, Out>({ keyOf, charactersOf, run, size: most = BATCH_ITEMS, isShared = false }: {
  keyOf: (item: In) => string;
  charactersOf: (item: In) => number;
  run: (items: readonly In[]) => Promise<readonly Out[]>;
  /** Of a batch, in items. */
  size?: number;
  /** Whether all that wait under one key have one outcome. */
  isShared?: boolean;
}) => {
  type Those = Waiting<In, Out>[];
  const waiting = new Map<string, Those>();
  let items = 0;
  let characters = 0;
  let inFlight = false;

  /** What waits behind the first of its key goes to the end: one key that is asked for a lot delays no other. */
  const nextBatch = (): Those[] => {
    const batch: Those[] = [];
    const later: [key: string, those: Those][] = [];
    let size = 0;
    for (const [key, those] of waiting) {
      const [first] = those;
      if (first === undefined) continue;
      size += charactersOf(first.item);
      if (batch.length === most || (batch.length > 0 && size > BATCH_CHARACTERS)) break;
      const taken = those.splice(0, isShared ? those.length : 1);
      batch.push(taken);
      waiting.delete(key);
      if (those.length > 0) later.push([key, those]);
      for (const { item } of taken) {
        items -= 1;
        characters -= charactersOf(item);
      }
    }
    for (const [key, those] of later) waiting.set(key, those);
    return batch;
  };

  const runBatch = async (batch: readonly Those[]): Promise<void> => {
    try {
      const outs = await run(batch.flatMap(([first]) => (first === undefined ? [] : [first.item])));
      batch.forEach((those, i) => {
        const out = outs[i];
        for (const { resolve, reject } of those) {
          if (out === undefined) reject(new Error('an outcome is missing'));
          else resolve(out);
        }
      });
    } catch (error) {
      for (const { reject } of batch.flat()) reject(error);
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
