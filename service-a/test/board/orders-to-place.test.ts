import { anyOrder, example, fates, newOrderId } from '../../board/orders-to-place.ts';
import { orderRequestSchema } from '../../src/routes/order-request';

test('When an id is made, then it is a random UUID', () => {
  expect(newOrderId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(newOrderId()).not.toBe(newOrderId());
});

test('When the board makes an order, then service-a takes it', () => {
  const orders = [...Array.from({ length: 50 }, anyOrder), ...fates.map(({ orderId }) => ({ orderId, ...example }))];
  expect(orders.map((order) => orderRequestSchema.safeParse(order).success)).toEqual(orders.map(() => true));
});
