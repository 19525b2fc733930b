import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '../../service-a/src/kafka/partitioner';
import { createGap } from './gap';
import type { Random } from './random';

export type Order = {
  orderId: string;
  userId: string;
  amount: number;
  currency: string;
  items: { productId: string; quantity: number; price: number }[];
};
type Answer = { status: number; body: string; retryAfter: string | undefined };
type View = { status: 'pending' | 'failed' | 'completed'; paymentId?: string };

/** How long something took that began at a time. */
export type Timed = { at: number; ms: number };

export type Load = ReturnType<typeof createLoad>;

const RETRY_MS = 250;
const PARTITIONS = 3;
const rank = { pending: 0, failed: 1, completed: 2 } as const;

/** A small HTTP client on kept-alive connections, which asks its addresses in turn; rejects when there is no answer within 15 s. */
export const createClient = (baseUrls: string | string[], connections = 256) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const addresses = [baseUrls].flat();
  let sends = 0;
  const send = (method: string, path: string, body?: string): Promise<Answer> => new Promise((resolve, reject) => {
    const baseUrl = addresses[(sends += 1) % addresses.length]!;
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(`${baseUrl}${path}`, { method, agent, headers, timeout: 15_000 }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => resolve({
        status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString(), retryAfter: res.headers['retry-after'],
      }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 15 s')));
    sent.on('error', reject);
    sent.end(body);
  });
  return { send, close: () => agent.destroy() };
};

/**
 * A client as the contract wants it: posts orders at a steady rate, posts again what was refused or got no answer, and watches that no
 * accepted order is unknown later and that no status goes backwards. What it sees against the contract is in `violations`.
 */
export const createLoad = ({ baseUrls, random, perSecond, connections }: {
  baseUrls: string[]; random: Random; perSecond: number; connections?: number;
}) => {
  const client = createClient(baseUrls, connections);
  const accepted = new Map<string, Order>();
  const acceptedIds: string[] = [];
  const seen = new Map<string, View['status']>();
  const violations: string[] = [];
  const answers: Timed[] = [];
  const open = new Set<Promise<void>>();
  let posted = 0;
  let refused = 0;
  let running = false;
  let endsAt = 0;
  const whole = createGap();
  const byPartition = Array.from({ length: PARTITIONS }, createGap);

  const violation = (text: string): void => {
    if (violations.length < 20) violations.push(text);
  };

  const noteAccepted = (order: Order): void => {
    const now = Date.now();
    whole.note(now);
    byPartition[partitionOf(Buffer.from(order.orderId), PARTITIONS)]!.note(now);
    accepted.set(order.orderId, order);
    acceptedIds.push(order.orderId);
  };

  /** Posts until accepted; a refusal or a broken connection means: once more. */
  const place = async (order: Order, giveUpAt: number): Promise<void> => {
    const body = JSON.stringify(order);
    while (Date.now() < giveUpAt) {
      const at = Date.now();
      const answer = await client.send('POST', '/orders', body).catch(() => undefined);
      if (answer?.status === 202) {
        answers.push({ at, ms: Date.now() - at });
        noteAccepted(order);
        return;
      }
      refused += 1;
      if (answer !== undefined && answer.status !== 503) violation(`POST answered ${answer.status}: ${answer.body.slice(0, 200)}`);
      if (answer?.status === 503 && answer.retryAfter === undefined) violation('503 without Retry-After');
      await sleep(RETRY_MS);
    }
    violation(`order ${order.orderId} was never accepted`);
  };

  const anOrder = (): Order => {
    const quantity = 1 + random.integer(5);
    const price = 1 + random.integer(10_000) / 100;
    return {
      orderId: random.uuid(), userId: `user-${random.integer(1_000)}`, amount: Math.round(quantity * price * 100) / 100, currency: 'USD',
      items: [{ productId: `prod-${random.integer(100)}`, quantity, price }],
    };
  };

  const post = (): void => {
    posted += 1;
    const placing = place(anOrder(), Date.now() + 60_000).finally(() => open.delete(placing));
    open.add(placing);
  };

  /** Looks at an accepted order; the answer may be an error of the transport or 503, never 404, never an earlier status. */
  const look = async (orderId: string): Promise<View | undefined> => {
    // What was known when it was asked: an answer that was given before another one may come after it.
    const before = seen.get(orderId) ?? 'pending';
    const answer = await client.send('GET', `/orders/${orderId}`).catch(() => undefined);
    if (answer === undefined || answer.status === 503) return undefined;
    if (answer.status !== 200) {
      violation(`GET of accepted ${orderId} answered ${answer.status}`);
      return undefined;
    }
    const view = JSON.parse(answer.body) as View;
    if (rank[view.status] < rank[before]) violation(`${orderId} went back from ${before} to ${view.status}`);
    if (rank[view.status] >= rank[seen.get(orderId) ?? 'pending']) seen.set(orderId, view.status);
    return view;
  };

  const watch = async (): Promise<void> => {
    while (running) {
      // Fresh ones are where a 404 would show, old ones where a status would go back.
      const recent = acceptedIds.at(-1 - random.integer(20));
      const any = acceptedIds.length > 0 ? random.pick(acceptedIds) : undefined;
      await Promise.all([recent, any].filter((id) => id !== undefined).map(look));
      await sleep(20);
    }
  };

  return {
    accepted,
    violations,
    /** Of posts that were accepted. */
    answers,
    look,
    client,
    anOrder,
    /** Takes over an order that was accepted otherwise: it is held against everything like those of the load. */
    noteAccepted,
    /** Runs until `seconds` are over or `orders` were posted, then waits until every order was accepted. */
    run: async ({ seconds, orders = Infinity }: { seconds: number; orders?: number }): Promise<void> => {
      running = true;
      const watching = watch();
      const startedAt = Date.now();
      endsAt = startedAt + seconds * 1_000;
      const before = posted;
      const goal = before + Math.min(orders, seconds * perSecond);
      while (posted < goal) {
        const due = Math.min(goal, before + ((Date.now() - startedAt) / 1_000) * perSecond);
        while (posted < due && open.size < 2_000) post();
        await sleep(10);
      }
      while (open.size > 0) await Promise.all(open);
      for (const gap of [whole, ...byPartition]) gap.interrupt();
      running = false;
      await watching;
    },
    /** Posts `count` orders at once. */
    burst: async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) post();
      while (open.size > 0) await Promise.all(open);
    },
    /** Until the run that is under way has posted all its orders. */
    secondsLeft: (): number => Math.max(0, endsAt - Date.now()) / 1_000,
    posted: () => posted,
    refused: () => refused,
    /** The longest time between two accepted orders. */
    longestOutageMs: whole.longestMs,
    /** The same for the orders of some partitions alone: the longest of any of them. */
    longestOutageOf: (partitions: number[]): number => Math.max(0, ...partitions.map((partition) => byPartition[partition]!.longestMs())),
    /** What was accepted so far is not asked for any more: retention may have cut it off. */
    forget: (): void => {
      accepted.clear();
      acceptedIds.length = 0;
    },
    close: client.close,
  };
};
