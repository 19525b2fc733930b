import { z } from 'zod';
import { isPositionOf } from '../../processors/feed';
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

const OFFSETS_MAX_DIGITS = 19;

/**
 * The offsets that such a text names, one for each of `positions`.
 * @returns undefined when it is no text of these partitions
 */
export const offsetsOf = (text: string, positions: readonly StoredPosition[]): bigint[] | undefined => {
  const offsets = text.match(/\d+/g) ?? [];
  if (!isPositionOf(text, positions) || offsets.length !== positions.length) return undefined;
  return offsets.some((offset) => offset.length > OFFSETS_MAX_DIGITS) ? undefined : offsets.map(BigInt);
};
