/**
 * How many orders a second a system takes, and what so many need: `npx ts-node scripts/capacity.ts`. It multiplies measured costs
 * (docs/performance.md). docs/scale.md has what it prints, and how far it is to be believed.
 */

/** Microseconds of CPU that an order costs each part. */
export type Cost = { serviceA: number; serviceB: number; brokers: number; database: number; provider: number };

/** The pair on one broker, 100,000 orders held in memory, the simulated gateway. */
const BASE: Cost = { serviceA: 105, serviceB: 39, brokers: 17, database: 0, provider: 0 };

/** What each overlay adds to that, by the difference of two runs that were measured in turns. */
const OVERLAYS = {
  postgres: { serviceA: 58, serviceB: 15, brokers: 14, database: 95 },
  cluster: { serviceA: 60, serviceB: 31, brokers: 277 },
  secure: { serviceA: 3, serviceB: 1, brokers: 3 },
  provider: { serviceB: 1_017, provider: 665 },
} satisfies Record<string, Partial<Cost>>;

export type Overlay = keyof typeof OVERLAYS;

const parts = Object.keys(BASE) as (keyof Cost)[];

export const costOf = (overlays: readonly Overlay[]): Cost => overlays.reduce<Cost>((sum, name) => {
  const more: Partial<Cost> = OVERLAYS[name];
  return Object.fromEntries(parts.map((part) => [part, sum[part] + (more[part] ?? 0)])) as Cost;
}, BASE);

/** Of a second, what one Node process spends on orders at its most: service-a under load, service-b on a backlog. */
const BUSY = { serviceA: 0.87, serviceB: 0.52 };
/** Of all cores of a machine, what is spent on orders at its most. */
const MACHINE_BUSY = 0.9;
/** wrk, for each request. */
const LOAD_GENERATOR_US = 17;
/** What an order costs an instance in memory mode that did not accept it: it reads two records all the same, at 11 us each. */
const FOLLOW_US = 22;

export type Setup = {
  overlays: readonly Overlay[];
  /** Instances of service-a, and members of service-b. */
  serviceA: number;
  serviceB: number;
  partitions: number;
  /** Cores that everything shares, load generator included; undefined where each part has enough of its own. */
  sharedCores?: number;
  /** Where the gateway takes its time: milliseconds of a call, and `PAYMENT_CONCURRENCY`. */
  gateway?: { latencyMs: number; concurrency: number };
};

const perSecond = (busy: number, us: number): number => busy * 1_000_000 / us;

/** Orders a second of service-a. In memory every instance reads what all have accepted; with tables the partitions are divided. */
const limitOfA = (instances: number, us: number, overlays: readonly Overlay[]): number => (overlays.includes('postgres')
  ? instances * perSecond(BUSY.serviceA, us)
  : perSecond(BUSY.serviceA, (us - FOLLOW_US) / instances + FOLLOW_US));

/** What the member with the most partitions can do decides: keys spread evenly over partitions, and these over members. */
const shareOfBusiest = (members: number, partitions: number): number => Math.ceil(partitions / Math.min(members, partitions)) / partitions;

/** Orders a second that each part allows; the lowest is the system's. */
export const limitsOf = ({ overlays, serviceA, serviceB, partitions, sharedCores, gateway }: Setup): Record<string, number> => {
  const cost = costOf(overlays);
  const share = shareOfBusiest(serviceB, partitions);
  const total = parts.reduce((sum, part) => sum + cost[part], LOAD_GENERATOR_US);
  return {
    'service-a': limitOfA(serviceA, cost.serviceA, overlays),
    'service-b': perSecond(BUSY.serviceB, cost.serviceB) / share,
    ...(gateway === undefined ? {} : { gateway: gateway.concurrency * 1_000 / gateway.latencyMs / share }),
    ...(sharedCores === undefined ? {} : { cores: perSecond(MACHINE_BUSY * sharedCores, total) }),
  };
};

/** @returns the lowest limit, and whose it is */
export const capacityOf = (setup: Setup): { ordersPerSecond: number; saturatesFirst: string } => {
  const [saturatesFirst, ordersPerSecond] = Object.entries(limitsOf(setup)).sort(([, one], [, other]) => one - other)[0]!;
  return { ordersPerSecond, saturatesFirst };
};

/** Bytes of an order and its payment on the topics (the samples and 70 bytes a record), and of its row and index entries. */
const BYTES = { log: 291 + 332 + 2 * 70, table: 642 + 117 };
const RETENTION_DAYS = 7;
/** Plan for half of what is possible: for peaks, a restart, a member that is away. */
const HEADROOM = 2;
const MAX_INSTANCES = 1_000;
const GIGA = 1_000_000_000;

/**
 * What orders need, given a second at the peak and a day, where each part has cores of its own.
 * @returns `serviceA` is undefined where no number of instances does
 */
export const needsOf = ({ peak, perDay }: { peak: number; perDay: number }, overlays: readonly Overlay[]) => {
  const cost = costOf(overlays);
  const rate = HEADROOM * peak;
  const coresFor = (us: number): number => Math.ceil(rate * us / 1_000_000 / MACHINE_BUSY);
  const instances = Array.from({ length: MAX_INSTANCES }, (_, i) => i + 1);
  const serviceB = Math.ceil(rate / perSecond(BUSY.serviceB, cost.serviceB));
  const replicas = overlays.includes('cluster') ? 3 : 1;
  return {
    serviceA: instances.find((count) => limitOfA(count, cost.serviceA, overlays) >= rate),
    serviceB,
    partitions: Math.max(3, Math.ceil(serviceB / 3) * 3),
    brokerCores: coresFor(cost.brokers),
    databaseCores: coresFor(cost.database),
    logGbPerWeek: Math.round(perDay * RETENTION_DAYS * BYTES.log * replicas / GIGA),
    tableGbPerDay: overlays.includes('postgres') ? Math.round(perDay * BYTES.table / GIGA) : 0,
  };
};

/** Points of docs/performance.md. The first and the second gave the two shares of busy time; the others are predictions. */
export const MEASURED: { what: string; setup: Setup; ordersPerSecond: number }[] = [
  { what: 'memory, 100,000 held', setup: { overlays: [], serviceA: 1, serviceB: 1, partitions: 3, sharedCores: 2 }, ordersPerSecond: 8_539 },
  { what: 'three brokers', setup: { overlays: ['cluster'], serviceA: 1, serviceB: 1, partitions: 3, sharedCores: 2 }, ordersPerSecond: 3_350 },
  { what: 'PostgreSQL, one service-a', setup: { overlays: ['postgres'], serviceA: 1, serviceB: 1, partitions: 3, sharedCores: 2 }, ordersPerSecond: 4_316 },
  { what: 'secured', setup: { overlays: ['secure'], serviceA: 1, serviceB: 1, partitions: 3, sharedCores: 2 }, ordersPerSecond: 8_659 },
  ...[[1, 741], [2, 1_090], [3, 1_958]].map(([serviceB = 1, ordersPerSecond = 0]) => ({
    what: `gateway 20 ms, 16 calls at a time, ${serviceB} service-b`,
    // A backlog: service-a has nothing to do with it.
    setup: { overlays: [], serviceA: 1, serviceB, partitions: 3, gateway: { latencyMs: 20, concurrency: 16 } },
    ordersPerSecond,
  })),
];

const round = (orders: number): string => (Number(orders.toPrecision(2))).toLocaleString('en-GB');

const comparison = (): string[] => [
  '| Measured | Orders/s | Predicted | Off by | Saturates first |', '|---|---|---|---|---|',
  ...MEASURED.map(({ what, setup, ordersPerSecond }) => {
    const { ordersPerSecond: predicted, saturatesFirst } = capacityOf(setup);
    const off = Math.round(100 * (predicted / ordersPerSecond - 1));
    return `| ${what} | ${ordersPerSecond.toLocaleString('en-GB')} | ${round(predicted)} | ${off > 0 ? '+' : ''}${off} % | ${saturatesFirst} |`;
  }),
];

/** Peaks: of a day five times its average, of an hour twice; the others are meant as they are. */
const LOADS = [
  { what: 'a million a day', peak: 58, perDay: 1_000_000 },
  { what: 'a million an hour', peak: 556, perDay: 24_000_000 },
  { what: 'a million a minute', peak: 16_667, perDay: 1_440_000_000 },
  { what: '100,000 a second', peak: 100_000, perDay: 8_640_000_000 },
];
const SYSTEMS: Overlay[][] = [[], ['postgres'], ['cluster', 'postgres', 'secure'], ['cluster', 'postgres', 'secure', 'provider']];

const needs = (): string[] => [
  '| Orders | At the peak, a second | Overlays | service-a | service-b | Partitions | Cores of brokers | Cores of PostgreSQL | Topics, GB | Rows, GB a day |',
  '|---|---|---|---|---|---|---|---|---|---|',
  ...LOADS.flatMap(({ what, ...load }) => SYSTEMS.map((overlays) => {
    const { serviceA, serviceB, partitions, brokerCores, databaseCores, logGbPerWeek, tableGbPerDay } = needsOf(load, overlays);
    const cells = [
      what, load.peak.toLocaleString('en-GB'), overlays.join(', ') || 'none', serviceA ?? 'not in memory', serviceB, partitions, brokerCores, databaseCores,
      logGbPerWeek.toLocaleString('en-GB'), tableGbPerDay.toLocaleString('en-GB'),
    ];
    return `| ${cells.join(' | ')} |`;
  })),
];

/** What docs/scale.md holds. */
export const tables = (): { comparison: string; needs: string } => ({ comparison: comparison().join('\n'), needs: needs().join('\n') });

if (require.main === module) console.log(Object.values(tables()).join('\n\n'));
