import { z } from 'zod';
import type { StoredPosition } from '../../processors/tables';
import type { Ask } from './pool';
import type { Topics } from './types';

const POSITIONS = {
  name: 'positions',
  text: 'SELECT topic, partition, next_offset, changes_from FROM projection_offsets WHERE topic = ANY ($1) ORDER BY partition',
  row: z.object({ topic: z.string(), partition: z.number(), next_offset: z.string(), changes_from: z.string() }),
};

/** How far every partition was read, topic by topic. */
export const readPositions = async (ask: Ask, { orders, payments, deadLetters }: Topics): Promise<StoredPosition[]> => {
  const topics = [orders, payments, deadLetters];
  const { rows } = await ask(POSITIONS, [topics]);
  return topics.flatMap((topic) => rows.filter((row) => row.topic === topic).map((row) => ({
    topic, partition: row.partition, next: BigInt(row.next_offset), changesFrom: BigInt(row.changes_from),
  })));
};
