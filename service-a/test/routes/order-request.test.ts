import { orderRequestSchema } from '../../src/routes/order-request';
import { anOrder, orderIdOf } from '../support/builders';

/** Legal numbers that a double cannot hold as they are written: JSON.parse would make another amount of them. */
const TOO_LARGE = ['9007199254740993', '9007199254740992', '12345678901234567890.5', '1e16', '1e400', '9'.repeat(400)];

describe('an order as posted', () => {
  const item = { productId: 'p', quantity: 1, price: 0 };

  test.each([
    ['of the largest numbers', {
      amount: Number.MAX_SAFE_INTEGER, items: [{ ...item, quantity: Number.MAX_SAFE_INTEGER, price: Number.MAX_SAFE_INTEGER }],
    }],
    ['at its bounds', { userId: 'u'.repeat(128), amount: Number.MIN_VALUE, items: Array<typeof item>(500).fill(item) }],
    ['with 128 characters outside the BMP', { userId: '\u{1f600}'.repeat(128) }],
  ])('When it is %s, then it is an order', (_what, differences) => {
    expect(orderRequestSchema.safeParse({ ...anOrder(), ...differences }).success).toBe(true);
  });

  test('When it has no orderId, then it is an order', () => {
    expect(orderRequestSchema.safeParse({ ...anOrder(), orderId: undefined }).success).toBe(true);
  });

  test.each(['amount', 'price', 'quantity'])('12.15 When its %s is above 2^53 - 1, then it is refused, whatever a double makes of it', (field) => {
    for (const number of TOO_LARGE) {
      const order = JSON.stringify({ ...anOrder(), items: [item] }).replace(new RegExp(`"${field}":[^,}]+`), `"${field}":${number}`);
      const { error } = orderRequestSchema.safeParse(JSON.parse(order));
      expect(error?.issues.map(({ path }) => path.at(-1))).toEqual([field]);
    }
  });

  test.each([
    ['orderId', 'no-uuid'], ['orderId', null], ['orderId', `${orderIdOf(0)}\n`], ['userId', ''], ['userId', 'u'.repeat(129)],
    ['userId', '\u{1f600}'.repeat(129)], ['userId', 7], ['amount', 0], ['amount', -1], ['amount', '1'], ['amount', Infinity], ['amount', NaN],
    ['currency', 'usd'], ['currency', 'US'], ['currency', 'USDT'], ['currency', 'USD\n'], ['items', []], ['items', Array(501).fill(item)],
    ['items', [{ ...item, quantity: 0 }]], ['items', [{ ...item, quantity: 1.5 }]], ['items', [{ ...item, price: -0.01 }]],
    ['items', [{ ...item, price: Infinity }]], ['items', [{ ...item, productId: '' }]], ['items', [{ ...item, productId: 'p'.repeat(129) }]],
  ])('When %s is faulty (case %#), then it is refused for that field', (field, value) => {
    const result = orderRequestSchema.safeParse({ ...anOrder(), [field]: value });
    expect(result.error?.issues.map(({ path }) => path[0])).toEqual([field]);
  });
});
