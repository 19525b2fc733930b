import { z } from 'zod';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Characters are counted as people and JSON Schema do: code points, not UTF-16 units. */
const text = (maximum: number) => z.string().min(1).refine(
  (value) => value.length <= maximum || (value.length <= 2 * maximum && [...value].length <= maximum),
  `Too long: at most ${maximum} characters`,
);

export const uuidSchema = z.string().regex(UUID, 'Must be a UUID').transform((value) => value.toLowerCase());
const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'Must be three capital letters');

/** Beyond this a double stands for several numbers: what was written may not be what was read. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

const itemSchema = z.object({
  productId: text(128),
  quantity: z.int().positive(),
  price: z.number().nonnegative().max(NUMBER_MAX),
});

/** An order as it travels in `orders`, and as a client posts it but for the id. */
export const orderSchema = z.object({
  orderId: uuidSchema,
  userId: text(128),
  amount: z.number().positive().max(NUMBER_MAX),
  currency: currencySchema,
  items: z.array(itemSchema).min(1).max(500),
});

export type Order = z.output<typeof orderSchema>;

/** Canonical JSON of a validated order: its fields in one order, so that equal orders have equal texts. */
export const canonicalText = ({ orderId, userId, amount, currency, items }: Order): string => JSON.stringify({
  orderId, userId, amount, currency, items: items.map(({ productId, quantity, price }) => ({ productId, quantity, price })),
});
