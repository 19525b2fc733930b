import type { Random } from '../drill/random';
import type { Clock } from './clock';
import type { Cluster } from './cluster';
import type { createGroupsApi } from './groups-api';
import type { Mishaps } from './mishaps';
import type { Mishap, Network } from './network';
import type { Process } from './processes';
import type { ServiceA } from './service-a';
import type { ServiceB } from './service-b';

/** What faults are done to. */
export type Stage = {
  clock: Clock;
  random: Random;
  network: Network;
  cluster: Cluster;
  groups: Pick<ReturnType<typeof createGroupsApi>, 'rebalance' | 'expire'>;
  a: Process<ServiceA>;
  members: Process<ServiceB>[];
  mishaps: Mishaps;
};

/**
 * `calm`: nothing breaks. `restless`: the same, and a group rebalances again and again while its coordinator moves. `aside`: brokers are
 * slow or out of reach, and nothing else. `members`: they are taken for dead again and again, and nothing else.
 */
export type Kind = 'any' | 'calm' | 'restless' | 'aside' | 'members';

type Fault = {
  name: string;
  /** How often it is chosen, beside the others. */
  weight: number;
  /** Needs that many brokers. */
  brokers?: number;
  /** Kinds of seeds that it comes in, beside those in which anything may happen. */
  kinds?: Kind[];
  /** Begins it. @returns what it was done to, for the trace */
  run: (stage: Stage) => string;
};

const someBroker = ({ cluster, random, network }: Stage): number =>
  random.pick(cluster.nodeIds.filter(network.works).length > 0 ? cluster.nodeIds.filter(network.works) : cluster.nodeIds);

const restartLater = ({ clock, random }: Stage, start: () => void, mostMs: number): void =>
  void clock.after(200 + random.integer(mostMs), start);

const onProcess = (stage: Stage, act: (process: Process<ServiceA> | Process<ServiceB>) => void): string => {
  const process = stage.random.pick([stage.a, ...stage.members, ...stage.members]);
  if (process.isAlive()) act(process);
  return process.name;
};

const spell = (kinds: Mishap['kind'][], apis: (string | undefined)[], odds: number) => (stage: Stage): string => {
  const { clock, random } = stage;
  const api = random.pick(apis);
  const nodeId = random.next() < 0.5 ? undefined : someBroker(stage);
  stage.mishaps.begin({ until: clock.now() + 200 + random.integer(4_000), odds: odds * random.next(), nodeId, api, kinds });
  return `${api ?? 'all'} at ${nodeId ?? 'all'}`;
};

/** Nearly all requests of one API meet with it, for up to some seconds. */
const ill = ({ clock, random, mishaps }: Stage, api: string, kinds: Mishap['kind'][]): string => {
  const ms = 500 + random.integer(3_000);
  mishaps.begin({ until: clock.now() + ms, odds: 0.9, nodeId: undefined, api, kinds });
  return `${api} for ${ms} ms`;
};

const onGroup = (act: 'rebalance' | 'expire') => ({ random, groups }: Stage): string => {
  const groupId = random.pick(['service-a-consumers', 'service-b-consumers', 'service-b-consumers']);
  groups[act](groupId);
  return groupId;
};
const rebalance = onGroup('rebalance');

export const faults: Fault[] = [
  {
    name: 'leaders are moved', weight: 4, brokers: 2, kinds: ['calm'], run: (stage) => {
      const times = 1 + stage.random.integer(6);
      for (let i = 0; i < times; i += 1) stage.clock.after(i * (20 + stage.random.integer(1_000)), stage.cluster.moveSome);
      return `${times} times`;
    },
  },
  {
    name: 'leaders are moved while fetches are late', weight: 2, brokers: 2, run: (stage) => {
      for (let i = 0; i < 4; i += 1) stage.clock.after(i * stage.random.integer(800), stage.cluster.moveSome);
      return ill(stage, 'Fetch', ['late']);
    },
  },
  {
    name: 'one leader is moved', weight: 3, brokers: 2, kinds: ['calm'], run: ({ cluster, random }) => {
      const partition = random.pick(cluster.partitions());
      cluster.moveOne(partition);
      return `${partition.topic}/${partition.id}`;
    },
  },
  ...[true, false].map((gracefully): Fault => ({
    name: gracefully ? 'a broker is stopped' : 'a broker is killed', weight: 2, run: (stage) => {
      const nodeId = someBroker(stage);
      stage.cluster.stop(nodeId, gracefully);
      restartLater(stage, () => stage.cluster.start(nodeId), 6_000);
      return String(nodeId);
    },
  })),
  {
    name: 'a broker is frozen', weight: 2, run: (stage) => {
      const nodeId = someBroker(stage);
      stage.cluster.freeze(nodeId);
      restartLater(stage, () => stage.cluster.thaw(nodeId), stage.random.pick([500, 5_000, 12_000]));
      return String(nodeId);
    },
  },
  {
    name: 'a broker is out of reach of its clients', weight: 1, kinds: ['aside'], run: (stage) => {
      const nodeId = someBroker(stage);
      stage.network.cut(nodeId);
      restartLater(stage, () => stage.network.mend(nodeId), 5_000);
      return String(nodeId);
    },
  },
  {
    name: 'the way to a broker is slow', weight: 1, kinds: ['aside'], run: (stage) => {
      const [nodeId, ms] = [someBroker(stage), stage.random.pick([50, 300, 1_500])];
      stage.network.slowDown(nodeId, ms);
      restartLater(stage, () => stage.network.slowDown(nodeId, 0), 4_000);
      return `${nodeId}, ${ms} ms`;
    },
  },
  {
    name: 'connections break', weight: 2, run: (stage) => {
      const nodeId = someBroker(stage);
      stage.network.shake(nodeId);
      return String(nodeId);
    },
  },
  { name: 'answers get lost or late', weight: 3, run: spell(['before', 'after', 'late'], [undefined, 'Produce', 'Fetch', 'OffsetCommit', 'JoinGroup'], 0.5) },
  {
    name: 'records are appended, and nobody hears of it', weight: 2, run: (stage) =>
      `${ill(stage, 'Produce', ['after'])}, ${ill(stage, 'Fetch', ['before', 'late'])}`,
  },
  { name: 'requests are refused', weight: 3, run: spell(['refused'], ['Produce', 'Produce', 'Fetch', 'JoinGroup', 'SyncGroup', 'OffsetFetch', 'OffsetCommit', 'Heartbeat'], 1) },
  { name: 'a group rebalances', weight: 2, kinds: ['calm'], run: rebalance },
  {
    name: 'a group rebalances while its coordinator moves', weight: 2, brokers: 2, kinds: ['calm', 'restless'], run: (stage) => {
      const { clock, random, cluster } = stage;
      const groupId = rebalance(stage);
      for (let i = 0; i < 3; i += 1) clock.after(random.integer(1_500), () => cluster.moveOne(cluster.coordination(groupId)));
      return groupId;
    },
  },
  {
    name: 'a group rebalances, and answers get lost', weight: 2, run: (stage) =>
      `${rebalance(stage)}, ${spell(['before', 'after', 'late'], ['JoinGroup', 'SyncGroup', 'SyncGroup', 'OffsetFetch'], 1)(stage)}`,
  },
  { name: 'members are taken for dead', weight: 2, kinds: ['members'], run: onGroup('expire') },
  {
    name: 'a process is killed', weight: 2, run: (stage) => onProcess(stage, (process) => {
      process.kill();
      restartLater(stage, process.begin, 3_000);
    }),
  },
  {
    name: 'a process is restarted', weight: 2, run: (stage) => onProcess(stage, (process) => {
      process.terminate();
      stage.clock.after(9_600 + stage.random.integer(500), process.begin);
    }),
  },
  {
    name: 'a process is frozen', weight: 2, run: (stage) => onProcess(stage, (process) => {
      process.freeze();
      restartLater(stage, process.thaw, stage.random.pick([500, 4_000, 9_000]));
    }),
  },
];

/** Sets some faults, drawn by their weights, into the time from now to `ms` later: those of the kind of seed. */
export const planFaults = (stage: Stage, { count, ms, kind, trace }: {
  count: number;
  ms: number;
  kind: Kind;
  trace: (what: string) => void;
}): void => {
  const { clock, random, cluster } = stage;
  const possible = faults.filter((fault) => cluster.nodeIds.length >= (fault.brokers ?? 1) && (kind === 'any' || fault.kinds?.includes(kind) === true));
  const lots = possible.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
  for (let i = 0; i < count; i += 1) {
    const { name, run } = random.pick(lots);
    clock.after(random.integer(ms), () => trace(`* ${name}: ${run(stage)}`));
  }
};

/** Puts all right again: whatever is down starts, whatever is frozen goes on. */
export const heal = ({ cluster, network, mishaps, a, members }: Stage): void => {
  mishaps.end();
  network.heal();
  for (const nodeId of cluster.nodeIds) {
    if (network.isFrozen(nodeId)) cluster.thaw(nodeId);
    cluster.start(nodeId);
  }
  for (const process of [a, ...members]) process.thaw();
};
