import type { Batch } from '../processors/tables';
import { addCounts, ADVANCE, knownOf, READ, write } from '../store/postgres/apply-batch';
import { foldBatches } from '../store/postgres/fold-batch';
import type { Database } from '../store/postgres/pool';

/**
 * Writes batches, of whatever partitions, in one transaction: an order and its outcome that are in it together are one row written instead
 * of two. Nobody else writes to these tables or hears of them: nothing is locked, and nothing kept for those who come back.
 */
export const createCopyBatches = ({ transact }: Pick<Database, 'transact'>) => (batches: readonly Batch[]): Promise<void> => transact(async (ask) => {
  for (const { topic, partition, from, to } of batches) {
    const { count } = await ask(ADVANCE, [topic, partition, from, to, to]);
    if (count !== 1) throw new Error(`the fresh tables are not at offset ${from} of ${topic}/${partition}`);
  }
  const { written, counts } = foldBatches(batches, await knownOf(ask, READ, batches.flatMap(({ facts }) => facts)));
  await write(ask, written);
  await addCounts(ask, counts);
});
