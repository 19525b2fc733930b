import { Type } from 'avsc';
import { framed } from '../lib/avro-values';
import type { Order } from './load';
import { orderEvent } from './next-version';

/** One of each way in which Avro can be none of an order; each would be one if it were read less strictly. */
export const poisonKinds = (id: number, type: Type): Record<string, (orderId: string, i: number) => Buffer> => {
  const event = (orderId: string, items: Order['items']): Buffer =>
    type.toBuffer(orderEvent({ orderId, userId: 'user-1', amount: 10, currency: 'USD', items }, orderId));
  const body = (orderId: string): Buffer => event(orderId, [{ productId: 'prod-1', quantity: 1, price: 10 }]);
  const long = Type.forSchema('long');
  const counts = [2 ** 40, -(2 ** 40), 2 ** 31, 30_000_000, 1_000]
    .map((count) => Buffer.concat([long.toBuffer(count), Buffer.alloc(3, 2)]));
  return {
    'one unknown id': (orderId) => framed(2_000_000_000, body(orderId)),
    'unknown ids': (orderId, i) => framed(1_000_000 + i, body(orderId)),
    'bytes that do not fit': (orderId, i) => {
      const whole = body(orderId);
      return framed(id, whole.subarray(0, i % whole.length));
    },
    'trailing bytes': (orderId, i) => framed(id, Buffer.concat([body(orderId), Buffer.from([i % 256])])),
    'array bombs': (orderId, i) => framed(id, Buffer.concat([event(orderId, []).subarray(0, -1), counts[i % counts.length]!])),
  };
};
