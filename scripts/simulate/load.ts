import type { Order } from '../drill/load';
import { canonicalText } from '../../service-a/src/processors/order';
import { statusOf, type OrderStatus } from '../../service-a/src/processors/projection';
import type { Random } from '../drill/random';
import type { TopicRecord } from '../drill/read-topic';
import type { Clock } from './clock';
import type { Process } from './processes';
import type { ServiceA } from './service-a';

type View = { status: OrderStatus; paymentId?: string };

const RETRY_MS = 250;
/** How long a client waits for an answer. */
const PATIENCE_MS = 15_000;
/**
 * Of orders under an id that another client takes for another order: so much later at most, and again whenever the first one is refused or
 * not answered.
 */
const RIVALS = { share: 0.5, withinMs: 8_000, userId: 'another' };
/** Every third order without a rival is given up at its first refusal. So much later another client posts another order under its id. */
const GIVEN_UP = { each: 3, afterMs: 10_000 };
const rank = { pending: 0, failed: 1, completed: 2 } as const;

export const anOrder = (random: Random): Order => {
  const [quantity, price] = [1 + random.integer(5), 1 + random.integer(100)];
  return {
    orderId: random.uuid(), userId: `user-${random.integer(100)}`, amount: quantity * price, currency: 'USD',
    items: [{ productId: `prod-${random.integer(100)}`, quantity, price }],
  };
};

export type Load = ReturnType<typeof createLoad>;

/** The clients of service-a: they post again what was refused or not answered, and look at what was accepted, as the drills' clients do. */
export const createLoad = ({ clock, random, a, mayHold, trace }: {
  clock: Clock;
  random: Random;
  a: Process<ServiceA>;
  /** Whether a broker may hold the record of an id. */
  mayHold: (orderId: string) => boolean;
  trace: (what: string) => void;
}) => {
  const accepted = new Map<string, Order>();
  const seen = new Map<string, View['status']>();
  /** Ids for which two clients have an order each, with that of the second, and whether it is being posted. */
  const contested = new Map<string, { order: Order; open: boolean }>();
  /** Ids of orders that their client may give up, and whether it has. */
  const faint = new Map<string, boolean>();
  /** When an order without a rival was first posted to a service-a that was ready, and when it was accepted. */
  const times = new Map<string, { posted: number; accepted?: number }>();
  const violations: string[] = [];
  let open = 0;
  let posted = 0;
  let refused = 0;

  const place = (order: Order): void => {
    posted += 1;
    open += 1;
    post(order);
  };

  const placeRival = (orderId: string): void => {
    const rival = contested.get(orderId);
    if (rival === undefined || rival.open) return;
    rival.open = true;
    place(rival.order);
  };

  const giveUp = (order: Order): void => {
    const { orderId } = order;
    faint.set(orderId, true);
    contested.set(orderId, { order: { ...order, userId: RIVALS.userId }, open: false });
    clock.after(GIVEN_UP.afterMs, () => {
      open -= 1;
      placeRival(orderId);
    });
  };

  const post = (order: Order): void => {
    const { orderId, userId } = order;
    const isRival = userId === RIVALS.userId;
    const again = (why: string): void => {
      refused += 1;
      trace(`client: ${orderId} ${why}`);
      if (!isRival && faint.has(orderId)) {
        giveUp(order);
        return;
      }
      if (!isRival) placeRival(orderId);
      clock.after(RETRY_MS, () => post(order));
    };
    const end = (): void => {
      open -= 1;
      if (isRival) contested.get(orderId)!.open = false;
    };
    a.call(() => again('got no answer'), ({ placeOrder, caughtUp }, done) => {
      if (!caughtUp()) return void done(() => again('refused: state is being rebuilt'));
      if (!times.has(orderId) && !contested.has(orderId)) times.set(orderId, { posted: clock.now() });
      clock.after(PATIENCE_MS, () => done(() => again('waited in vain')));
      placeOrder(order).then(() => done(() => {
        trace(`client: ${orderId} accepted`);
        const rival = accepted.get(orderId);
        if (rival !== undefined && rival.userId !== userId) violations.push(`${orderId} was accepted for two orders`);
        accepted.set(orderId, order);
        const time = times.get(orderId);
        if (time !== undefined) time.accepted = clock.now();
        end();
      }), (error: unknown) => done(() => {
        const name = error instanceof Error ? error.name : String(error);
        // The id stands for the order of the other client: there is nothing to try again.
        if (name === 'OrderConflictError' && contested.has(orderId)) {
          trace(`client: ${orderId} is another order`);
          if (faint.get(orderId) === true && !mayHold(orderId)) violations.push(`${orderId} is taken, though no broker can hold its order`);
          end();
          return;
        }
        if (!['BrokerUnavailableError', 'NotAppendedError', 'QueueFullError'].includes(name)) violations.push(`POST was answered with ${name}`);
        again(`refused: ${name}`);
      }));
    });
  };

  const look = async (orderId: string): Promise<View | undefined> => {
    const service = a.service();
    if (service?.caughtUp() !== true) return undefined;
    const entry = await service.store.get(orderId);
    if (entry?.order === undefined) {
      violations.push(`GET of accepted ${orderId} answered 404`);
      return undefined;
    }
    if (entry.order.text !== canonicalText(accepted.get(orderId)!)) violations.push(`GET of accepted ${orderId} shows another order`);
    const { payment } = entry;
    const view: View = { status: statusOf(entry), ...(payment !== undefined && { paymentId: payment.paymentId }) };
    const before = seen.get(orderId) ?? 'pending';
    if (rank[view.status] < rank[before]) violations.push(`${orderId} went back from ${before} to ${view.status}`);
    seen.set(orderId, view.status);
    return view;
  };

  return {
    accepted,
    violations,
    look,
    lookAtOne: (): void => {
      const ids = [...accepted.keys()];
      if (ids.length > 0) void look(random.pick(ids));
    },
    post: (): void => {
      const order = anOrder(random);
      const isContested = random.next() < RIVALS.share;
      if (!isContested && posted % GIVEN_UP.each === 0) faint.set(order.orderId, false);
      place(order);
      if (!isContested) return;
      contested.set(order.orderId, { order: { ...order, userId: RIVALS.userId }, open: false });
      clock.after(random.integer(RIVALS.withinMs), () => placeRival(order.orderId));
    },
    times: (): ReadonlyMap<string, { posted: number; accepted?: number }> => times,
    /** Ids under which these records of `orders` hold both orders. */
    doubled: (orders: TopicRecord[]): string[] => [...contested.keys()].filter((orderId) =>
      new Set(orders.filter(({ key }) => String(key) === orderId).map(({ value }) => String(value).includes(`"${RIVALS.userId}"`))).size > 1),
    /** Orders that were not accepted yet. */
    open: (): number => open,
    posted: (): number => posted,
    refused: (): number => refused,
  };
};
