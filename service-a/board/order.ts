export const statuses = ['pending', 'completed', 'failed'] as const;
export type Status = typeof statuses[number];

export type Failure = { type: string; message: string; retryCount: number; failedAt: string };

/** An order as service-a shows it; the board uses these fields and shows the rest as they are. */
export type Order = {
  orderId: string;
  userId: string;
  amount: number;
  currency: string;
  status: Status;
  createdAt: string;
  updatedAt: string;
  /** How often it was put up for payment: 1, and one more for each redrive. */
  attempts: number;
  paymentId?: string;
  failure?: Failure;
};

/** Orders held by status. */
export type Counts = Record<Status, number>;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const allOf = (type: 'string' | 'number', ...values: unknown[]): boolean => values.every((value) => typeof value === type);
const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));

const isFailure = (value: unknown): value is Failure =>
  isRecord(value) && allOf('string', value.type, value.message) && isTime(value.failedAt) && allOf('number', value.retryCount);

export const isOrder = (value: unknown): value is Order => isRecord(value)
  && allOf('string', value.orderId, value.userId, value.currency) && isTime(value.createdAt) && isTime(value.updatedAt)
  && allOf('number', value.amount, value.attempts)
  && statuses.some((status) => status === value.status)
  && (value.paymentId === undefined || allOf('string', value.paymentId))
  && (value.failure === undefined || isFailure(value.failure));

export const isCounts = (value: unknown): value is Counts =>
  isRecord(value) && allOf('number', ...statuses.map((status) => value[status]));

/** Whether an event of `sync` says that what changed since the last connection follows. */
export const isResumed = (value: unknown): boolean => isRecord(value) && value.resumed === true;
