import { partitionOf } from '../../service-a/src/kafka/partitioner';
import { GROUP_B, TOPICS } from './cluster';
import type { Stage } from './faults';
import type { Logs } from './settled';

/**
 * So long after its post an order is accepted, in milliseconds, and so long after its append it has its outcome: through partitions that
 * others lead, and through one that the broker led. A frozen replica counts as away after 3 s; a request to a frozen leader is out for 6 s.
 */
const MOST_MS = {
  frozen: { accepted: { elsewhere: 3_300, there: 7_500 }, paid: { elsewhere: 8_000, there: 12_000 } },
  killed: { accepted: { elsewhere: 3_300, there: 4_500 }, paid: { elsewhere: 3_300, there: 4_500 } },
  // It goes on leading.
  unreachable: { accepted: { elsewhere: 1_000, there: Infinity }, paid: { elsewhere: 9_000, there: Infinity } },
};

export type Absence = ReturnType<typeof createAbsence>;

/** One broker of three is away for long and nothing else happens: what others lead goes on, and what it led goes on elsewhere. */
export const createAbsence = ({ clock, random, network, cluster, trace }: Pick<Stage, 'clock' | 'random' | 'network' | 'cluster'> & {
  trace: (what: string) => void;
}) => {
  const how = random.pick(['frozen', 'frozen', 'killed', 'unreachable'] as const);
  const nodeId = random.pick(cluster.nodeIds);
  const led = new Set<string>();
  const late: string[] = [];
  let since = Infinity;
  let until = Infinity;
  /** Out of reach of its coordinator a group cannot do much. */
  let coordinated = true;

  const check = (id: number, orderId: string, what: 'accepted' | 'paid', from: number, to: number): void => {
    if (to < since || from > until || (what === 'paid' && !coordinated)) return;
    const topics = what === 'accepted' ? [TOPICS.orders] : Object.values(TOPICS);
    const where = topics.some((topic) => led.has(`${topic}/${id}`)) ? 'there' : 'elsewhere';
    const took = to - Math.max(from, since);
    if (took > MOST_MS[how][what][where]) late.push(`${orderId} was ${what} after ${took} ms while broker ${nodeId} was ${how}, led ${where}`);
  };

  return {
    begin: (inMs: number): void => void clock.after(inMs, () => {
      since = clock.now();
      for (const { topic, id, leader } of cluster.partitions()) if (leader() === nodeId) led.add(`${topic}/${id}`);
      coordinated = how !== 'unreachable' || cluster.coordination(GROUP_B).leader() !== nodeId;
      if (how === 'frozen') cluster.freeze(nodeId);
      else if (how === 'killed') cluster.stop(nodeId, false);
      else network.cut(nodeId);
      trace(`* a broker is ${how}: ${nodeId}`);
    }),
    /** All is put right. */
    end: (): void => {
      until = clock.now();
    },
    onAccepted: (orderId: string, postedAt: number): void =>
      check(partitionOf(Buffer.from(orderId), 3), orderId, 'accepted', postedAt, clock.now()),
    /** @returns what took too long, in words */
    judge: ({ orders, payments, deadLetters }: Logs): string[] => {
      const firstOf = new Map<string, number>();
      const note = (key: string, at: number): void => void firstOf.set(key, Math.min(at, firstOf.get(key) ?? Infinity));
      for (const { key, appendedAt } of payments) note(String(key), appendedAt);
      for (const { value, appendedAt } of deadLetters) {
        const { originalPartition, originalOffset } = JSON.parse(String(value)) as { originalPartition: number; originalOffset: string };
        note(`${originalPartition}/${originalOffset}`, appendedAt);
      }
      for (const { partition, offset, key, appendedAt } of orders) {
        const at = Math.min(firstOf.get(`${partition}/${offset}`) ?? Infinity, firstOf.get(String(key)) ?? Infinity);
        check(partition, String(key), 'paid', appendedAt, at);
      }
      return late;
    },
  };
};
