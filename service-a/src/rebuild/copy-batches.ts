import type { Batch } from '../processors/tables';
import { addCounts, ADVANCE, knownOf, noteChanges, READ, write } from '../store/postgres/apply-batch';
import { foldBatches } from '../store/postgres/fold-batch';
import type { Database } from '../store/postgres/pool';

/** `isPast`: so long that what it changes is not kept for those who come back. */
export type CopiedBatch = Batch & { readonly isPast: boolean };

type Step = Pick<Batch, 'topic' | 'partition' | 'from' | 'to'> & { readonly pastTo: string };

/** Batches of a partition that follow each other are one step of its position. */
const stepsOf = (batches: readonly CopiedBatch[]): Step[] => {
  const steps = new Map<string, Step>();
  for (const { topic, partition, from, to, isPast } of batches) {
    const key = `${topic}/${partition}`;
    const before = steps.get(key);
    if (before !== undefined && before.to !== from) throw new Error(`offset ${from} of ${key} does not follow ${before.to}`);
    steps.set(key, { topic, partition, from: before?.from ?? from, to, pastTo: isPast ? to : before?.pastTo ?? '0' });
  }
  return [...steps.values()];
};

/**
 * Writes batches, of whatever partitions, in one transaction: an order and its outcome that are in it together are one row written instead
 * of two. Nobody else writes to these tables or hears of them: nothing is locked, nobody is told.
 */
export const createCopyBatches = ({ transact }: Pick<Database, 'transact'>) => (batches: readonly CopiedBatch[]): Promise<void> => transact(async (ask) => {
  for (const { topic, partition, from, to, pastTo } of stepsOf(batches)) {
    const { count } = await ask(ADVANCE, [topic, partition, from, to, pastTo]);
    if (count !== 1) throw new Error(`the fresh tables are not at offset ${from} of ${topic}/${partition}`);
  }
  const { written, counts } = foldBatches(batches, await knownOf(ask, READ, batches.flatMap(({ facts }) => facts)));
  await write(ask, written);
  await addCounts(ask, counts);
  for (const batch of batches) {
    // Those that changed nothing too: to be told of an order once more does no harm.
    if (!batch.isPast) await noteChanges(ask, batch, batch.facts.map(({ offset, fact: { orderId } }) => ({ offset, orderId })));
  }
});
