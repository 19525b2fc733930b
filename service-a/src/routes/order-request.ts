import { orderSchema, uuidSchema } from '../processors/order';

/** An order as a client posts it: the id may be left to the service. */
export const orderRequestSchema = orderSchema.extend({ orderId: uuidSchema.optional() });

const LONE_SURROGATE = /\p{Surrogate}/u;

/** An order as a client posts it where orders are written as Avro: JSON has an escape for half a character, UTF-8 has nothing for it. */
export const utf8OrderRequestSchema = orderRequestSchema.superRefine(({ userId, items }, context) => {
  const look = (text: string, ...path: (string | number)[]): void => {
    if (LONE_SURROGATE.test(text)) context.addIssue({ code: 'custom', path, message: 'Holds half of a surrogate pair, which is no character' });
  };
  look(userId, 'userId');
  items.forEach(({ productId }, i) => look(productId, 'items', i, 'productId'));
});
