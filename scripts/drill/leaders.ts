import { connect } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { Kafka, logLevel } from 'kafkajs';
import { waitFor } from '../lib/process';
import { clientSettings, sslOf, type Reach } from '../lib/reach';
import type { Random } from './random';

type Placed = { topic: string; partition: number; leader: number; replicas: number[]; isr: number[] };

export type Leaders = ReturnType<typeof createLeaders>;

/** ElectLeaders, version 0, big-endian: length | api key 43 | version | correlation 1 | no client id (-1) | all partitions (-1) | 5 s */
const electRequest = Buffer.from(['00000012', '002b', '0000', '00000001', 'ffff', 'ffffffff', '00001388'].join(''), 'hex');

/** Gives each partition to its preferred leader, the first of its replicas, as `kafka-leader-election` does; any broker passes it on. */
const electPreferred = async (address: string, tls: Reach['tls']): Promise<void> => {
  const [host = '', port] = address.split(':');
  const at = { host, port: Number(port) };
  const socket = tls ? connectTls({ ...at, ...sslOf(tls) }) : connect(at);
  socket.setTimeout(3_000, () => socket.destroy(new Error(`${address} does not answer`)));
  try {
    socket.write(electRequest);
    await once(socket, 'data');
  } finally {
    socket.destroy();
  }
};

/** Java's String.hashCode, by which a group finds the partition of its offsets. */
const hashCode = (text: string): number => [...text].reduce((hash, char) => (Math.imul(31, hash) + char.charCodeAt(0)) | 0, 0);

/** Who leads what in a cluster, and ways to change it. Asks anew each time: a client that is kept goes on with what it knew. */
export const createLeaders = ({ reach, topics }: { reach: Reach; topics: string[] }) => {
  const kafka = new Kafka({
    ...clientSettings(reach), clientId: 'drill-leaders', logLevel: logLevel.NOTHING, connectionTimeout: 1_000, requestTimeout: 3_000,
    retry: { retries: 2 },
  });
  const withAdmin = async <T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  };
  const placed = (of = topics): Promise<Placed[]> => withAdmin(async (admin) => {
    const { topics: metadata } = await admin.fetchTopicMetadata({ topics: of });
    return metadata.flatMap(({ name, partitions }) => partitions.map(({ partitionId, leader, replicas, isr }) => (
      { topic: name, partition: partitionId, leader, replicas, isr })));
  });
  const reassign = (to: Pick<Placed, 'topic' | 'partition' | 'replicas'>[]): Promise<unknown> => withAdmin((admin) =>
    admin.alterPartitionReassignments({
      topics: topics.map((topic) => ({
        topic, partitionAssignment: to.filter((one) => one.topic === topic).map(({ partition, replicas }) => ({ partition, replicas })),
      })).filter(({ partitionAssignment }) => partitionAssignment.length > 0),
    }));
  const elect = async (): Promise<void> => {
    for (const address of reach.brokers.split(',')) if (await electPreferred(address, reach.tls).then(() => true, () => false)) return;
  };

  return {
    placed,
    /** The partitions of a topic that a broker leads. */
    ledBy: async (topic: string, broker: number): Promise<number[]> =>
      (await placed([topic])).filter(({ leader }) => leader === broker).map(({ partition }) => partition),
    /** The broker that coordinates a consumer group: who leads the partition of its offsets. */
    coordinatorOf: async (groupId: string): Promise<number> => {
      const offsets = await placed(['__consumer_offsets']);
      return offsets.find(({ partition }) => partition === (hashCode(groupId) & 0x7fffffff) % offsets.length)!.leader;
    },
    /** Waits until every replica of the topics and of the groups' offsets is in sync, however many there are to be of each. */
    untilInSync: (): Promise<void> => waitFor('every replica to be in sync', async () => {
      const all = await placed([...topics, '__consumer_offsets']).catch(() => []);
      return all.length > 0 && all.every(({ leader, replicas, isr }) => leader > 0 && isr.length === replicas.length);
    }, { timeoutMs: 60_000, intervalMs: 250 }),
    /**
     * Turns the replicas of every partition of a topic by one, now and then leaving the last one out, and has the new first one elected.
     * @returns how many leaders that moves
     */
    move: async (random: Random): Promise<number> => {
      const topic = random.pick(topics);
      const now = await placed([topic]);
      const everybody = [...new Set((await placed()).flatMap(({ replicas }) => replicas))];
      await reassign(now.map(({ partition, replicas: [first, ...rest] }) => {
        const turned = [...rest, first!];
        const missing = everybody.filter((id) => !turned.includes(id));
        return { topic, partition, replicas: random.next() < 0.2 && missing.length === 0 ? turned.slice(0, -1) : [...turned, ...missing] };
      }));
      await elect();
      return now.length;
    },
    /** Puts each partition on every broker again, with the given leaders first. */
    restore: async (as: Placed[]): Promise<void> => {
      await reassign(as);
      await elect();
    },
  };
};
