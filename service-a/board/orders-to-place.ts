export type NewOrder = {
  orderId: string;
  userId: string;
  amount: number;
  currency: string;
  items: { productId: string; quantity: number; price: number }[];
};

/** The example order of the documents, less its id. */
export const example = {
  userId: 'user-123', amount: 99.99, currency: 'USD', items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
} as const;

/** Orders whose fate the simulated gateway knows beforehand, under its default settings. */
export const fates = [
  { orderId: '550e8400-e29b-41d4-a716-446655440000', name: 'Approved at once' },
  { orderId: '550e8400-e29b-41d4-a716-446655440002', name: 'Declined' },
  { orderId: '550e8400-e29b-41d4-a716-446655440018', name: 'Unavailable once, then approved' },
  { orderId: '550e8400-e29b-41d4-a716-446655440446', name: 'Unavailable to the end' },
] as const;

/** A random UUID. Made here rather than by service-a, so that posting an order again after a lost answer is safe. */
export const newOrderId = (): string => {
  // crypto.randomUUID is there for pages from localhost or by https alone.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

/** An order like any other: one of a thousand users, up to ten pieces of one product. */
export const anyOrder = (): NewOrder => {
  const below = (limit: number): number => Math.floor(Math.random() * limit);
  const quantity = 1 + below(10);
  const price = (100 + below(9_900)) / 100;
  return {
    orderId: newOrderId(),
    userId: `user-${1 + below(1_000)}`,
    amount: Math.round(quantity * price * 100) / 100,
    currency: ['USD', 'EUR', 'GBP'][below(3)]!,
    items: [{ productId: `prod-${String(1 + below(100)).padStart(3, '0')}`, quantity, price }],
  };
};
