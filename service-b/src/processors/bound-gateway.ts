import { z } from 'zod';
import { cut } from '../utils/cut';
import { createSlots } from '../utils/slots';
import { whenAborted } from '../utils/when-aborted';
import type { ChargeRequest, ChargeResult, Gateway } from './gateway';

/** Reasons go into dead letters and log lines, and some come from elsewhere. */
const MAX_REASON_CHARACTERS = 300;

const reason = z.string().transform((text) => cut(text, 2 * MAX_REASON_CHARACTERS));
const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('approved') }),
  z.object({ kind: z.literal('declined'), reason }),
  z.object({ kind: z.literal('unavailable'), reason, retryAfterMs: z.number().nonnegative().exactOptional() }),
  z.object({ kind: z.literal('conflict'), reason }),
]);

const errorSchema = z.object({ message: z.string() });

/** Whether it was charged is not known: whoever reads the dead letter can look for the charge at the provider, by the key. */
export const unknownOutcome = (why: string, { idempotencyKey }: ChargeRequest): ChargeResult & { kind: 'unavailable' } =>
  ({ kind: 'unavailable', reason: `${cut(why, MAX_REASON_CHARACTERS)}; idempotency key ${idempotencyKey}` });

/** Of whatever was thrown: to turn it into text must not throw again. */
const messageOf = (error: unknown): string => {
  try {
    return errorSchema.parse(error).message;
  } catch {
    return typeof error === 'string' ? error : 'it threw what is no error';
  }
};

type BoundGateway = (...call: Parameters<Gateway>) => Promise<ChargeResult>;

/**
 * Holds a gateway to a deadline and a number of calls at a time, whatever it does. A call that does not settle in time gives its place
 * back: one that ignores its signal goes on beside the others, and nobody hears of it.
 */
export const boundGateway = ({ gateway, timeoutMs, concurrency }: {
  gateway: Gateway;
  timeoutMs: number;
  concurrency: number;
}): BoundGateway => {
  const slots = createSlots(concurrency);

  const answerOf = async (request: ChargeRequest, signal: AbortSignal): Promise<ChargeResult> => {
    try {
      const parsed = resultSchema.safeParse(await gateway(request, signal));
      return parsed.success ? parsed.data : unknownOutcome('the gateway gave no valid answer', request);
    } catch (error) {
      return unknownOutcome(`no answer: ${messageOf(error)}`, request);
    }
  };

  const callInTime = (request: ChargeRequest, signal: AbortSignal): Promise<ChargeResult> => new Promise((resolve, reject) => {
    const call = new AbortController();
    const end = (): void => {
      clearTimeout(timer);
      forget();
    };
    const timer = setTimeout(() => {
      end();
      resolve(unknownOutcome(`no answer within ${timeoutMs} ms`, request));
      call.abort(new Error('deadline'));
    }, timeoutMs);
    const forget = whenAborted(signal, () => {
      end();
      reject(signal.reason as Error);
      call.abort(signal.reason);
    });
    void answerOf(request, call.signal).then((answer) => {
      end();
      resolve(answer);
    });
  });

  return async (request, signal) => {
    await slots.take(signal);
    try {
      signal.throwIfAborted();
      return await callInTime(request, signal);
    } finally {
      slots.release();
    }
  };
};
