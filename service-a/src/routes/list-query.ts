import { z } from 'zod';
import type { Query } from '../processors/list-orders';
import { orderSchema } from '../processors/order';
import type { Place } from '../processors/order-store';
import { invalid } from './problem';

const CURSOR = /^(-?\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The text of a place in the list, for a client to hand back as it is. */
export const cursorOf = ({ time, id }: Place): string => `${time}.${id}`;

const placeOf = (cursor: string): Place => {
  const [, time, id] = CURSOR.exec(cursor)!;
  return { time: Number(time), id: id! };
};

const listQuerySchema = z.object({
  status: z.enum(['pending', 'completed', 'failed']).optional(),
  userId: orderSchema.shape.userId.optional(),
  limit: z.string().regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/, 'Must be a whole number from 1 to 500').transform(Number).default(50),
  cursor: z.string().regex(CURSOR, 'Must be `next` of an earlier answer').transform(placeOf).optional(),
});

/**
 * Reads the query of a request for a list of orders; what it does not know it ignores.
 * @throws Problem 400 with every fault; a parameter that comes twice is one
 */
export const readListQuery = (url: string): Query => {
  const given = new URL(url, 'http://localhost').searchParams;
  const parsed = listQuerySchema.safeParse(Object.fromEntries(
    Object.keys(listQuerySchema.shape).filter((name) => given.has(name)).map((name) => {
      const values = given.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  ));
  if (!parsed.success) throw invalid('The query is not valid.', parsed.error);
  const { cursor, ...query } = parsed.data;
  return { ...query, after: cursor };
};
