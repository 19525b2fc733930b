/** An order as this service needs it to charge it. */
export type Order = {
  orderId: string;
  userId: string;
  amount: number;
  currency: string;
};

/** The record is not an order that could be charged; retrying cannot help. */
export class InvalidOrderError extends Error {
  override readonly name = 'InvalidOrderError';
}

/** The gateway said no; retrying cannot help. */
export class PaymentDeclinedError extends Error {
  override readonly name = 'PaymentDeclinedError';
}

/** The gateway could not answer; trying again may help. */
export class GatewayUnavailableError extends Error {
  override readonly name = 'GatewayUnavailableError';
}
