import { z } from 'zod';
import type { Ask } from './pool';
import type { StoredPosition, Topics } from './types';

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

/** Offsets of a topic are joined by dots, topics by dashes: `12.5.7-11.5.6-1.0.1`. */
export const positionText = (positions: readonly StoredPosition[]): string =>
  positions.map(({ topic, next }, i) => {
    if (i === 0) return next.toString();
    return `${positions[i - 1]?.topic === topic ? '.' : '-'}${next}`;
  }).join('');

const OFFSETS_MAX_DIGITS = 19;

/**
 * The offsets that such a text names, one for each of `positions`.
 * @returns undefined when it is no text of these partitions
 */
export const offsetsOf = (text: string, positions: readonly StoredPosition[]): bigint[] | undefined => {
  const skeleton = (one: string): string => one.replace(/\d+/g, '');
  const offsets = text.match(/\d+/g) ?? [];
  if (skeleton(text) !== skeleton(positionText(positions)) || offsets.length !== positions.length) return undefined;
  return offsets.some((offset) => offset.length > OFFSETS_MAX_DIGITS) ? undefined : offsets.map(BigInt);
};
