import { canonicalText } from '../../service-a/src/kafka/messages';
import { statusOf, type OrderStatus } from '../../service-a/src/processors/projection';
import type { Order } from '../drill/load';
import type { Random } from '../drill/random';
import type { Clock } from './clock';
import type { Process } from './processes';
import type { Sends } from './sends';
import type { ServiceA } from './service-a';

type View = { status: OrderStatus; paymentId?: string };
/** An id that somebody asked for: the order that it is to stand for, and perhaps another one. */
type Wanted = {
  orderId: string;
  orders: [order: Order, other: Order];
  /** When its client posts the other order as well: with the first, once that is accepted, or instead of what was refused. */
  contest: 'never' | 'at once' | 'accepted' | 'refused';
  postedAt: number;
  /** Posts that have not come to their end. */
  open: number;
  accepted?: Order;
  /** Processes that said 503 without knowing, or said nothing. */
  doubts: Set<ServiceA>;
};

const RETRY_MS = 250;
/** How long a client waits for an answer. */
const PATIENCE_MS = 15_000;
const rank = { pending: 0, failed: 1, completed: 2 } as const;
const CONTESTS = ['never', 'never', 'never', 'never', 'at once', 'accepted', 'refused', 'refused'] as const;
/** The broker has nothing of what was refused so. */
const CERTAIN = ['NotAppendedError', 'QueueFullError'];

export const anOrder = (random: Random): Order => {
  const [quantity, price] = [1 + random.integer(5), 1 + random.integer(100)];
  return {
    orderId: random.uuid(), userId: `user-${random.integer(100)}`, amount: quantity * price, currency: 'USD',
    items: [{ productId: `prod-${random.integer(100)}`, quantity, price }],
  };
};

export type Load = ReturnType<typeof createLoad>;

/**
 * The clients of service-a: they post again what was refused or not answered, and look at what was accepted, as the drills' clients do.
 * Some post two orders under one id.
 */
export const createLoad = ({ clock, random, a, sends, onAccepted, trace }: {
  clock: Clock;
  random: Random;
  a: Process<ServiceA>;
  sends: Pick<Sends, 'hasLeft'>;
  /** Hears of each accepted order, and when it was posted first. */
  onAccepted: (orderId: string, postedAt: number) => void;
  trace: (what: string) => void;
}) => {
  const accepted = new Map<string, Order>();
  const seen = new Map<string, View['status']>();
  const violations: string[] = [];
  /** Ids of which a process that has ended may have left another order on its way: the first in the log is the order then. */
  const settledByLog = new Set<string>();
  let open = 0;
  let posted = 0;
  let refused = 0;

  const end = (wanted: Wanted): void => {
    wanted.open -= 1;
    open -= 1;
  };

  const accept = (wanted: Wanted, order: Order, by: ServiceA): void => {
    const { orderId, orders, contest, doubts } = wanted;
    trace(`client: ${orderId} accepted`);
    end(wanted);
    if ([...doubts].some((one) => one !== by)) settledByLog.add(orderId);
    if (wanted.accepted !== undefined && wanted.accepted !== order && !settledByLog.has(orderId)) {
      violations.push(`two orders were accepted under ${orderId}`);
    }
    if (wanted.accepted === undefined) onAccepted(orderId, wanted.postedAt);
    wanted.accepted = order;
    accepted.set(orderId, order);
    if (contest === 'accepted' && order === orders[0]) begin(wanted, orders[1]);
  };

  const post = (wanted: Wanted, order: Order): void => {
    const { orderId, orders, contest } = wanted;
    const other = order === orders[0] ? orders[1] : orders[0];
    const again = (why: string, next = order): void => {
      refused += 1;
      trace(`client: ${orderId} ${why}`);
      clock.after(RETRY_MS, () => post(wanted, next));
    };
    /** The id is taken: by what else was posted under it, or by what perhaps was appended. */
    const conflict = (): void => {
      if (contest === 'never') violations.push(`${orderId} is taken, though nobody else has asked for it`);
      if (wanted.open > 1 || wanted.accepted !== undefined) end(wanted);
      // What never left the process comes free, what has is perhaps the order.
      else again('refused: OrderConflictError', sends.hasLeft(orderId) ? other : order);
    };
    let asked: ServiceA | undefined;
    const unknown = (why: string): void => {
      if (asked !== undefined) wanted.doubts.add(asked);
      again(why);
    };
    a.call(() => unknown('got no answer'), (service, done) => {
      if (!service.caughtUp()) return void done(() => again('refused: state is being rebuilt'));
      asked = service;
      clock.after(PATIENCE_MS, () => done(() => unknown('waited in vain')));
      service.placeOrder(order).then(() => done(() => accept(wanted, order, service)), (error: unknown) => done(() => {
        const name = error instanceof Error ? error.name : String(error);
        if (name === 'OrderConflictError') return void conflict();
        if (name !== 'BrokerUnavailableError' && !CERTAIN.includes(name)) violations.push(`POST was answered with ${name}`);
        if (!CERTAIN.includes(name)) wanted.doubts.add(service);
        again(`refused: ${name}`, contest === 'refused' && random.next() < 0.5 ? other : order);
      }));
    });
  };

  const begin = (wanted: Wanted, order: Order): void => {
    wanted.open += 1;
    open += 1;
    post(wanted, order);
  };

  const look = async (orderId: string): Promise<View | undefined> => {
    const service = a.service();
    if (service?.caughtUp() !== true) return undefined;
    const entry = await service.store.get(orderId);
    if (entry?.order === undefined) {
      violations.push(`GET of accepted ${orderId} answered 404`);
      return undefined;
    }
    if (entry.order.text !== canonicalText(accepted.get(orderId)!) && !settledByLog.has(orderId)) {
      violations.push(`GET of ${orderId} shows another order than the one that was accepted`);
    }
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
    post: (contest: Wanted['contest'] = random.pick(CONTESTS)): void => {
      posted += 1;
      const order = anOrder(random);
      const wanted: Wanted = {
        orderId: order.orderId, orders: [order, { ...order, userId: 'another' }], contest, postedAt: clock.now(), open: 0, doubts: new Set(),
      };
      begin(wanted, order);
      if (contest === 'at once') begin(wanted, wanted.orders[1]);
    },
    /** Posts that were neither accepted nor ended by another order. */
    open: (): number => open,
    posted: (): number => posted,
    refused: (): number => refused,
  };
};
