import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterDrill, ClusterStage } from './cluster-stage';
import type { KafkaNode } from '../lib/kafka-node';

/** The cut broker of `network-cut`; each leads a partition, so it does not matter which it is. */
const CUT_OFF = 2;

/**
 * What an order may wait for a partition whose leader is well while another broker is frozen or cut off: that one counts as in sync until
 * its session is over (3 s), which a Java producer waits for too, and 2 s for what is ours.
 */
const OTHERS_MS = 5_000;

/** A broker that leads a partition of `orders` and is not the active controller, and notes that its partitions are those that are hit. */
const aLeader = async ({ cluster, leaders, topics, hits }: ClusterStage): Promise<KafkaNode> => {
  const controller = cluster.controller();
  const node = cluster.nodes.find((one) => one !== controller)!;
  hits(await leaders.ledBy(topics.orders, node.id));
  return node;
};

/** Stops a broker cleanly and has it back, in sync with the others. */
const restart = async (node: KafkaNode, { leaders }: ClusterStage): Promise<void> => {
  await node.stop();
  await node.start();
  await leaders.untilInSync();
};

/** Moves leaders until `during` is done, then puts every replica back. Returns how many were moved. */
const moveLeaders = async ({ leaders, random }: ClusterStage, during: Promise<unknown>): Promise<number> => {
  const before = await leaders.placed();
  let moved = 0;
  let busy = true;
  const done = during.finally(() => {
    busy = false;
  });
  done.catch(() => undefined);
  while (busy) {
    // Brokers that are busy with one change refuse the next.
    moved += await leaders.move(random).catch(() => 0);
    await sleep(random.integer(150));
  }
  await done;
  await leaders.restore(before);
  return moved;
};

export const clusterDrills: ClusterDrill[] = [
  {
    name: 'leader-stopped', what: 'a partition leader SIGTERM, 5 s away, started again', perSecond: 250, seconds: 40, quickSeconds: 16,
    limitMs: { whole: 2_000, others: 2_000 },
    faults: async (stage) => {
      await sleep(3_000);
      const node = await aLeader(stage);
      await node.stop();
      await sleep(5_000);
      await node.start();
      return 1;
    },
  },
  {
    name: 'leader-killed', what: 'a partition leader SIGKILL, 5 s away, started again', perSecond: 250, seconds: 40, quickSeconds: 16,
    limitMs: { whole: 5_000, others: OTHERS_MS },
    faults: async (stage) => {
      await sleep(3_000);
      const node = await aLeader(stage);
      await node.kill();
      await sleep(5_000);
      await node.start();
      return 1;
    },
  },
  {
    name: 'leader-frozen', what: 'a partition leader SIGSTOP for 15 s', perSecond: 250, seconds: 40, quickSeconds: 24,
    limitMs: { others: OTHERS_MS },
    faults: async (stage) => {
      await sleep(3_000);
      const node = await aLeader(stage);
      node.pause();
      await sleep(15_000);
      node.resume();
      return 1;
    },
  },
  {
    name: 'rolling-restart', what: 'all three brokers restarted one after the other, each once the one before is in sync', perSecond: 200, seconds: 50,
    limitMs: { whole: 2_000 },
    faults: async (stage) => {
      for (const node of stage.cluster.nodes) {
        await sleep(2_000);
        await restart(node, stage);
      }
      return stage.cluster.nodes.length;
    },
  },
  {
    name: 'leaders-moved', what: 'preferred-leader elections and partition reassignments in a loop', perSecond: 250, seconds: 40, quickSeconds: 16,
    faults: async (stage) => {
      await sleep(2_000);
      return moveLeaders(stage, sleep(Math.max(0, stage.load.secondsLeft() * 1_000 - 3_000)));
    },
  },
  {
    name: 'controller-killed', what: 'the active controller, a broker too, SIGKILL, 5 s away, started again', perSecond: 250, seconds: 40,
    // A new controller has to be elected before the killed one's session begins to run out.
    limitMs: { whole: 6_000 },
    faults: async ({ cluster, leaders, topics, hits }) => {
      await sleep(3_000);
      const node = cluster.controller();
      hits(await leaders.ledBy(topics.orders, node.id));
      await node.kill();
      await sleep(5_000);
      await node.start();
      return 1;
    },
  },
  {
    name: 'coordinators-restarted', what: 'the coordinator of each consumer group restarted', perSecond: 250, seconds: 40,
    limitMs: { whole: 2_000 },
    faults: async (stage) => {
      for (const group of Object.values(stage.groups)) {
        await sleep(3_000);
        await restart(stage.cluster.node(await stage.leaders.coordinatorOf(group)), stage);
      }
      return 2;
    },
  },
  {
    name: 'two-away', what: 'one broker SIGTERM, another SIGKILL, both back 8 s later: fewer than two are in sync meanwhile', perSecond: 250, seconds: 40,
    faults: async (stage) => {
      await sleep(3_000);
      const first = await aLeader(stage);
      const second = stage.cluster.nodes.find((node) => node !== first)!;
      stage.hits([0, 1, 2]);
      await first.stop();
      await second.kill();
      await sleep(8_000);
      await Promise.all([first.start(), second.start()]);
      return 2;
    },
  },
  {
    name: 'network-cut', what: 'a broker cut off for 15 s from clients, from replicas of what it leads, and from the controllers', perSecond: 250, seconds: 40,
    cutOff: CUT_OFF, limitMs: { others: OTHERS_MS },
    faults: async (stage) => {
      await sleep(3_000);
      stage.hits(await stage.leaders.ledBy(stage.topics.orders, CUT_OFF));
      stage.setCut(true);
      await sleep(15_000);
      stage.setCut(false);
      return 1;
    },
  },
  {
    name: 'services-killed', what: 'service-a and service-b SIGKILL in turn while leaders move', perSecond: 250, seconds: 40, quickSeconds: 16,
    faults: async (stage) => {
      const { a, b, random, load } = stage;
      await sleep(2_000);
      let kills = 0;
      const killing = async (): Promise<void> => {
        while (load.secondsLeft() > 4) {
          await (kills % 2 === 0 ? b : a).kill();
          kills += 1;
          await sleep(2_000 + random.integer(2_000));
        }
      };
      return await moveLeaders(stage, killing()) + kills;
    },
  },
];
