import { z } from 'zod';
import type { StartPartition } from '../../processors/tables';
import type { Logger } from '../../utils/logger';
import type { Ask, Database, Statement } from './pool';
import type { Watch } from './types';

const BEGIN_AT: Statement = {
  name: 'begin-partition',
  text: `INSERT INTO projection_offsets (topic, partition, next_offset, changes_from) VALUES ($1, $2, $3, $3)
    ON CONFLICT (topic, partition) DO NOTHING`,
};
const POSITION = {
  name: 'hold-partition',
  text: 'SELECT next_offset FROM projection_offsets WHERE topic = $1 AND partition = $2 FOR UPDATE',
  row: z.object({ next_offset: z.string() }),
};
const MOVE: Statement = {
  name: 'move-partition', text: 'UPDATE projection_offsets SET next_offset = $3, changes_from = $3 WHERE topic = $1 AND partition = $2',
};
const FORGET: Statement = { name: 'forget-partition', text: 'DELETE FROM order_changes WHERE topic = $1 AND partition = $2' };

/** Where a partition is read from: where the tables are, or where the log begins if that is later. */
export const createStartPartition = ({ database, logger, onJump }: {
  database: Pick<Database, 'transact'>;
  logger: Pick<Logger, 'warn'>;
} & Pick<Watch, 'onJump'>): StartPartition => {
  type Start = { next: string; from: string | undefined };

  const startIn = async (ask: Ask, { topic, partition, low, high }: Parameters<StartPartition>[0]): Promise<Start> => {
    const { count } = await ask(BEGIN_AT, [topic, partition, low]);
    if (count === 1) return { next: low, from: undefined };
    const { rows: [row] } = await ask(POSITION, [topic, partition]);
    const from = row?.next_offset ?? low;
    const isCut = BigInt(from) < BigInt(low);
    const isAnew = high !== undefined && BigInt(from) > BigInt(high);
    if (!isCut && !isAnew) return { next: from, from: undefined };
    await ask(FORGET, [topic, partition]);
    await ask(MOVE, [topic, partition, low]);
    return { next: low, from };
  };

  return async (start) => {
    const { next, from } = await database.transact((ask) => startIn(ask, start));
    if (from === undefined) return next;
    const { topic, partition } = start;
    const missed = BigInt(next) - BigInt(from);
    if (missed > 0n) {
      logger.warn('records were cut by retention before they were read', { topic, partition, from, to: next, records: missed });
      onJump?.(topic, missed);
    } else {
      logger.warn('topic is shorter than what was read of it: read anew', { topic, partition, from, to: next });
    }
    return next;
  };
};
