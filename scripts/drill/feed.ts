import { setTimeout as sleep } from 'node:timers/promises';
import { openEventStream } from '../lib/event-stream';
import { waitFor } from '../lib/process';

const STALLED_MS = 2_500;
const FINAL = ['completed', 'failed'];

/**
 * Follows the events of all orders on one replica after the other: to the next one, from the last id on, whenever the stream ends or its
 * replica does not answer. (A frozen one keeps its connection: so it moves on every few seconds anyway.)
 */
export const followFeed = (urls: string[]) => {
  const told = new Map<string, string>();
  const rank = { pending: 0, failed: 1, completed: 2 } as Record<string, number>;
  const violations: string[] = [];
  let lastId: string | undefined;
  let following = true;
  let missed: string | undefined;

  const follow = async (url: string): Promise<void> => {
    const opened = openEventStream(`${url}/orders/events`, lastId);
    const stream = await Promise.race([opened, sleep(STALLED_MS)]);
    if (stream === undefined) {
      void opened.then((late) => late.close(), () => undefined);
      return;
    }
    const until = Date.now() + STALLED_MS;
    while (following && !stream.ended() && Date.now() < until) await sleep(50);
    stream.close();
    for (const { event, data } of stream.events) {
      if (data['resumed'] === false && lastId !== undefined) missed = `${url} could not resume the stream of events at ${lastId}`;
      if (event !== 'order') continue;
      const [orderId, status] = [String(data['orderId']), String(data['status'])];
      const before = told.get(orderId) ?? 'pending';
      if (rank[status]! < rank[before]!) violations.push(`the stream of events took ${orderId} back from ${before} to ${status}`);
      told.set(orderId, status);
    }
    lastId = stream.events.findLast(({ id }) => id !== '')?.id ?? lastId;
  };
  const followed = (async (): Promise<void> => {
    for (let turn = 0; following; turn += 1) {
      await follow(urls[turn % urls.length]!).catch(() => sleep(100));
    }
  })();

  return {
    /** Waits until it has told how each of these came out; throws when it does not, or took one back. */
    expectAll: async (orderIds: Iterable<string>): Promise<void> => {
      const wanted = [...orderIds];
      const open = (): string[] => wanted.filter((orderId) => !FINAL.includes(told.get(orderId) ?? ''));
      await waitFor('the stream to tell of every order', () => open().length === 0 || missed !== undefined, { timeoutMs: 15_000 }).catch(() => undefined);
      following = false;
      await followed;
      if (missed !== undefined) throw new Error(missed);
      if (open().length > 0) violations.push(`the stream of events did not tell how ${open().length} orders came out, such as ${open()[0]}`);
      if (violations.length > 0) throw new Error(violations.slice(0, 3).join('; '));
    },
  };
};
