import type { Random } from '../drill/random';
import { orderCreatedText } from '../../service-a/src/kafka/messages';
import { canonicalText } from '../../service-a/src/processors/order';
import { partitionOf } from '../../service-a/src/kafka/partitioner';
import { letterIdOf } from '../../service-b/src/kafka/redrive-headers';
import type { Clock } from './clock';
import { TOPICS, type Cluster } from './cluster';
import { anOrder } from './load';
import type { LogRecord, NewRecord } from './partition';

const REDRIVES_MAX = 3;

const orderRecord = (random: Random): { key: Buffer; value: Buffer } => {
  const order = anOrder(random);
  const event = { eventId: random.uuid(), timestamp: new Date().toISOString(), order: canonicalText(order) };
  return { key: Buffer.from(order.orderId), value: Buffer.from(orderCreatedText(event)) };
};

/** What anybody may write to a topic, and no consumer may stumble over. */
const poison: ((random: Random) => NewRecord)[] = [
  (random) => ({ key: Buffer.from(random.uuid()), value: Buffer.from('{"eventType":') }),
  (random) => ({ key: Buffer.from(random.uuid()), value: null }),
  () => ({ key: null, value: Buffer.from('no key') }),
  () => ({ key: Buffer.from([0xff, 0xfe]), value: Buffer.from([0x00, 0xff]) }),
  (random) => ({ ...orderRecord(random), key: Buffer.from(random.uuid()) }),
];

/** The others that write to the topics: producers of good orders and of rubbish, transactions, and an operator with dead letters. */
export const disturb = ({ clock, random, cluster, withinMs, trace }: {
  clock: Clock;
  random: Random;
  cluster: Cluster;
  withinMs: number;
  trace: (what: string) => void;
}): void => {
  const write = (record: NewRecord & { key: Buffer | null }, more: NewRecord[] = []): void => {
    const id = record.key === null ? random.integer(3) : partitionOf(record.key, 3);
    cluster.write(TOPICS.orders, id, [record, ...more]);
  };
  const existing = (topic: string): LogRecord | undefined => {
    const records = cluster.partitionsOf(topic).flatMap((partition) => partition.records.slice(0, partition.highWatermark()));
    return records.length === 0 ? undefined : random.pick(records.filter(({ isControlRecord, aborted }) => !isControlRecord && !aborted));
  };

  const redrive = (): void => {
    const { id, records, highWatermark } = random.pick(cluster.partitionsOf(TOPICS.deadLetters));
    if (highWatermark() === 0) return;
    const letter = records[random.integer(highWatermark())]!;
    const { originalPartition, originalOffset } = JSON.parse(String(letter.value)) as { originalPartition: number; originalOffset: string };
    const original = cluster.partitionOf(TOPICS.orders, originalPartition)!.records[Number(originalOffset)];
    const count = Number(letter.headers['redrive-count'] ?? 0) + 1;
    if (original === undefined || count > REDRIVES_MAX) return;
    const mark = { 'redrive-count': String(count), 'redrive-of': `${id}:${letter.offset}`, 'redrive-letter': letterIdOf(letter.value) };
    const headers = { ...original.headers, ...Object.fromEntries(Object.entries(mark).map(([name, text]) => [name, Buffer.from(text)])) };
    trace(`operator puts back ${originalPartition}/${originalOffset} from ${id}:${letter.offset}`);
    write({ key: original.key, value: original.value, headers });
  };

  const transaction = (): void => {
    const batchContext = { producerId: String(random.integer(1_000)), inTransaction: true };
    const committed = random.next() < 0.5;
    // A control record's key tells abort (0) from commit (1).
    const marker = { isControlRecord: true, key: Buffer.from([0, 0, 0, committed ? 1 : 0]), batchContext };
    write({ ...orderRecord(random), batchContext, aborted: !committed }, [marker]);
  };

  const repeat = (): void => {
    const record = existing(TOPICS.orders);
    if (record !== undefined && record.headers['redrive-count'] === undefined) write({ key: record.key, value: record.value });
  };

  const acts: [name: string, act: () => void][] = [
    ['order', () => write(orderRecord(random))],
    ['poison', () => write({ key: null, ...random.pick(poison)(random) })],
    ['repeat', repeat],
    ['transaction', transaction],
    ['redrive', redrive],
  ];
  const count = random.integer(15);
  for (let i = 0; i < count; i += 1) {
    const [name, act] = random.pick(acts);
    clock.after(random.integer(withinMs), () => {
      trace(`others: ${name}`);
      act();
    });
  }
};
