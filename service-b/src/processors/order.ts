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

/**
 * An outcome that is part of the business: where in the code it was made says nothing about it, and a fifth of all orders would pay for a
 * stack trace. Its `stack` is name and message.
 */
class PaymentError extends Error {
  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The gateway said no; retrying cannot help. */
export class PaymentDeclinedError extends PaymentError {
  override readonly name = 'PaymentDeclinedError';
}

/** The gateway could not answer; trying again may help. */
export class GatewayUnavailableError extends PaymentError {
  override readonly name = 'GatewayUnavailableError';
}

/** The provider knows the order with another amount or currency; it is never charged a second time. */
export class PaymentConflictError extends PaymentError {
  override readonly name = 'PaymentConflictError';
}
