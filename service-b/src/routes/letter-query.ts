import { z } from 'zod';
import type { Filter, Position, RedriveRequest } from '../dead-letters/command';
import type { Place } from '../dead-letters/letter';
import { instantOf } from '../utils/timestamp';
import { invalid } from './problem';

/** Type of what cannot be read as a dead letter. */
const UNREADABLE = 'unreadable';
const CURSOR = /^(-?\d{1,15})\.(\d{1,9})\.(\d{1,15})$/;
const POSITION = /^\d{1,9}:\d{1,18}$/;
const POSITIONS_MAX = 1_000;
const TEXT_MAX = 1_000;

/** The text of a place in the list, for a client to hand back as it is. */
export const cursorOf = ({ failedAt, partition, offset }: Place): string => `${failedAt}.${partition}.${offset}`;

const placeOf = (cursor: string): Place => {
  const [, failedAt, partition, offset] = CURSOR.exec(cursor)!;
  return { failedAt: Number(failedAt), partition: Number(partition), offset: Number(offset) };
};

const positionOf = (text: string): Position => {
  const [partition = '', offset = ''] = text.split(':');
  return { partition: Number(partition), offset: BigInt(offset) };
};

const time = z.string().refine((text) => !Number.isNaN(instantOf(text)), 'Must be a time of RFC 3339').transform(instantOf);
const filterShape = {
  type: z.string().min(1).max(TEXT_MAX).transform((type) => (type === UNREADABLE ? null : type)).exactOptional(),
  order: z.string().min(1).max(TEXT_MAX).exactOptional(),
  since: time.exactOptional(),
  until: time.exactOptional(),
};

const listSchema = z.object({
  ...filterShape,
  after: z.string().regex(CURSOR, 'Must be `next` of an earlier answer').transform(placeOf).optional(),
  limit: z.string().regex(/^(?:[1-9]\d?|1\d\d|200)$/, 'Must be a whole number from 1 to 200').transform(Number).default(50),
});

export type ListQuery = { filter: Filter; limit: number; after: Place | undefined };

/**
 * Reads the query of a request for a list; what it does not know it ignores.
 * @throws Problem 400 with every fault; a parameter that comes twice is one
 */
export const readListQuery = (url: string): ListQuery => {
  const given = new URL(url, 'http://localhost').searchParams;
  const parsed = listSchema.safeParse(Object.fromEntries(
    Object.keys(listSchema.shape).filter((name) => given.has(name)).map((name) => {
      const values = given.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  ));
  if (!parsed.success) throw invalid('The query is not valid.', parsed.error);
  const { after, limit, ...filter } = parsed.data;
  return { filter, limit, after };
};

const position = z.string().regex(POSITION, 'Must be PARTITION:OFFSET').transform(positionOf);

const redriveSchema = z.strictObject({
  position: position.exactOptional(),
  positions: z.array(position).min(1).max(POSITIONS_MAX).exactOptional(),
  filter: z.strictObject(filterShape).exactOptional(),
  rate: z.int().min(1).max(999_999).exactOptional(),
  dryRun: z.boolean(),
}).refine(({ position: one, positions, filter }) => [one, positions, filter].filter((given) => given !== undefined).length === 1,
  'Must have one of position, positions and filter');

/**
 * Reads the body of a request for a redrive.
 * @throws Problem 400 with every fault
 */
export const readRedriveRequest = (body: unknown): RedriveRequest => {
  const parsed = redriveSchema.safeParse(body);
  if (!parsed.success) throw invalid('The body is not a valid redrive.', parsed.error);
  const { position: one, positions, filter = {}, rate = Infinity, dryRun } = parsed.data;
  return { positions: one === undefined ? positions : [one], filter, rate, dryRun };
};
