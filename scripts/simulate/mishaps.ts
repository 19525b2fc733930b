import type { Random } from '../drill/random';
import type { Clock } from './clock';
import type { Mishap } from './network';
import { CODE } from './partition';

export type Mishaps = ReturnType<typeof createMishaps>;

/** Codes that a broker may refuse a request with and be well again. */
const refusals: Record<string, number[]> = {
  // The last one without an offset: it may not count.
  Produce: [CODE.NOT_ENOUGH_REPLICAS, CODE.NOT_LEADER_FOR_PARTITION, CODE.REQUEST_TIMED_OUT, CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.NONE],
  // The last one comes of a broker that has just started, or just lost a replica.
  Fetch: [CODE.NOT_LEADER_FOR_PARTITION, CODE.UNKNOWN_TOPIC_OR_PARTITION],
  ListOffsets: [CODE.NOT_LEADER_FOR_PARTITION],
  JoinGroup: [CODE.GROUP_LOAD_IN_PROGRESS, CODE.GROUP_COORDINATOR_NOT_AVAILABLE],
  SyncGroup: [CODE.REBALANCE_IN_PROGRESS, CODE.GROUP_LOAD_IN_PROGRESS],
  Heartbeat: [CODE.GROUP_LOAD_IN_PROGRESS],
  OffsetFetch: [CODE.GROUP_LOAD_IN_PROGRESS],
  OffsetCommit: [CODE.GROUP_LOAD_IN_PROGRESS, CODE.GROUP_COORDINATOR_NOT_AVAILABLE],
};

type Spell = { until: number; odds: number; nodeId: number | undefined; api: string | undefined; kinds: Mishap['kind'][] };

/** Spells in which requests meet with mishaps. */
export const createMishaps = ({ clock, random }: { clock: Clock; random: Random }) => {
  let spells: Spell[] = [];
  return {
    begin: (spell: Spell): void => void spells.push(spell),
    end: (): void => {
      spells = [];
    },
    /** What befalls this request, if anything does. */
    of: (nodeId: number, api: string): Mishap | undefined => {
      spells = spells.filter(({ until }) => until > clock.now());
      const spell = spells.find((one) => (one.nodeId ?? nodeId) === nodeId && (one.api ?? api) === api);
      if (spell === undefined || random.next() >= spell.odds) return undefined;
      const kind = random.pick(spell.kinds);
      if (kind === 'late') return { kind, ms: 20 + random.integer(3_000) };
      if (kind !== 'refused') return { kind };
      const codes = refusals[api];
      return codes && { kind, code: random.pick(codes) };
    },
  };
};
