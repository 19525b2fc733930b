import type { Random } from '../drill/random';
import type { Clock } from './clock';
import type { Network } from './network';
import { createPartition, SESSION_MS, type NewRecord, type Partition } from './partition';

export const TOPICS = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };
export const COORDINATION = '__consumer_offsets';
const PARTITIONS = 3;

/** What a broker tells of the cluster: the controller's news reaches each of them in its own time. */
type View = { brokers: number[]; leaders: Map<string, { leader: number; isr: number[] }> };

export type Cluster = ReturnType<typeof createCluster>;

/** Brokers, the partitions that they hold, and a controller that moves leaders when a broker goes and comes. */
export const createCluster = ({ brokers: count, clock, random, network, trace, onMoved }: {
  brokers: number;
  clock: Clock;
  random: Random;
  network: Network;
  trace: (what: string) => void;
  /** Hears of a partition whose leader changed. */
  onMoved: (partition: Partition) => void;
}) => {
  const nodeIds = Array.from({ length: count }, (_one, i) => i + 1);
  const minIsr = count === 3 ? 2 : 1;
  const partitions = new Map<string, Partition>();
  /** Brokers that the controller knows to be there. */
  const registered = new Set(nodeIds);
  const views = new Map<number, View>();

  const partitionOf = (topic: string, id: number): Partition | undefined => partitions.get(`${topic}/${id}`);

  const viewNow = (): View => ({
    brokers: [...registered],
    leaders: new Map([...partitions].map(([name, one]) => [name, { leader: one.leader(), isr: [...one.isr()] }])),
  });

  const spreadNews = (): void => {
    for (const nodeId of nodeIds) {
      clock.after(random.integer(random.next() < 0.2 ? 1_000 : 50), () => {
        if (network.works(nodeId)) views.set(nodeId, viewNow());
      });
    }
  };

  const moved = (partition: Partition): void => {
    trace(`${partition.topic}/${partition.id} is led by ${partition.leader()}, isr ${partition.isr().join(',')}`);
    onMoved(partition);
  };

  const changeAll = (change: (partition: Partition) => void): void => {
    for (const partition of partitions.values()) {
      const before = partition.leader();
      change(partition);
      if (partition.leader() !== before) moved(partition);
    }
    spreadNews();
  };

  const lose = (nodeId: number): void => {
    if (!registered.delete(nodeId)) return;
    trace(`controller: broker ${nodeId} is gone`);
    changeAll((partition) => partition.lose(nodeId, random.pick));
  };

  const regain = (nodeId: number): void => {
    if (!network.works(nodeId)) return;
    registered.add(nodeId);
    trace(`controller: broker ${nodeId} is there`);
    changeAll((partition) => partition.regain(nodeId));
  };

  /** After a session the controller loses sight of whoever has not come back. */
  const noticeLoss = (nodeId: number, inMs: number): void => {
    clock.after(inMs, () => {
      if (!network.works(nodeId)) lose(nodeId);
    });
  };

  for (const topic of [...Object.values(TOPICS), COORDINATION]) {
    for (let id = 0; id < PARTITIONS; id += 1) {
      const replicas = nodeIds.map((_nodeId, i) => nodeIds[(i + id) % count]!);
      partitions.set(`${topic}/${id}`, createPartition({ topic, id, replicas, minIsr, clock, random, network }));
    }
  }
  for (const nodeId of nodeIds) {
    network.boot(nodeId);
    views.set(nodeId, viewNow());
  }

  return {
    nodeIds,
    partitions: (): Partition[] => [...partitions.values()],
    partitionOf,
    /** Partitions of a topic, by number. */
    partitionsOf: (topic: string): Partition[] => Array.from({ length: PARTITIONS }, (_one, id) => partitionOf(topic, id)!),
    /** The partition whose leader coordinates a group. */
    coordination: (groupId: string): Partition => partitionOf(COORDINATION, groupId.length % PARTITIONS)!,
    view: (nodeId: number): View => views.get(nodeId)!,
    /** Appends as a producer of its own would, if the partition has a leader that works. */
    write: (topic: string, id: number, records: NewRecord[]): void => {
      const partition = partitionOf(topic, id)!;
      if (network.works(partition.leader())) partition.append(records, 60_000, () => undefined);
    },
    /** Leaders are moved, as elections and reassignments do. */
    moveSome: (): void => changeAll((partition) => {
      if (random.next() < 0.4) partition.move(random.pick);
    }),
    moveOne: (partition: Partition): void => {
      if (partition.move(random.pick)) moved(partition);
      spreadNews();
    },
    /** `kill -9`, or with `gracefully` a stop that hands over what the broker leads. */
    stop: (nodeId: number, gracefully: boolean): void => {
      if (gracefully) lose(nodeId);
      network.halt(nodeId);
      if (!gracefully) noticeLoss(nodeId, 500 + random.integer(SESSION_MS - 500));
    },
    start: (nodeId: number): void => {
      if (network.isUp(nodeId)) return;
      network.boot(nodeId);
      clock.after(200 + random.integer(800), () => regain(nodeId));
    },
    freeze: (nodeId: number): void => {
      network.freeze(nodeId);
      // The only one is its own controller.
      if (count > 1) noticeLoss(nodeId, SESSION_MS);
    },
    thaw: (nodeId: number): void => {
      network.thaw(nodeId);
      for (const partition of partitions.values()) partition.replicate();
      clock.after(random.integer(300), () => regain(nodeId));
    },
  };
};
