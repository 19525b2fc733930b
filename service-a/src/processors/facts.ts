// What the log says of orders, in this service's words.

/** Where a record lies in its topic. Offsets are decimal text: they pass 2^53. */
export type LogPosition = { readonly partition: number; readonly offset: string };

/** An ORDER_CREATED event, the order as its canonical text. */
export type OrderEvent = { eventId: string; timestamp: string; order: string };

export type Failure = { type: string; message: string; retryCount: number; failedAt: string };

/**
 * What a record says about an order, in this service's words. `order` is its canonical text; times are as the record has them;
 * `attempts` is how often the order had been put up for payment by then.
 */
export type OrderFact =
  | { kind: 'created'; orderId: string; order: string; createdAt: string; attempts: number }
  | { kind: 'paid'; orderId: string; paymentId: string; at: string }
  | { kind: 'failed'; orderId: string; order: string; createdAt: string; attempts: number; failure: Failure };
