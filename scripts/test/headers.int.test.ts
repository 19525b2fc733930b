import { randomUUID } from 'node:crypto';
import type { Message } from 'kafkajs';
import { headerOf } from '../drill/invariants';
import { createRandom } from '../drill/random';
import { readTopic, type TopicRecord } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { headersOfList, type Header } from '../lib/headers';
import { waitFor } from '../lib/process';

const eventOf = (orderId: string) => JSON.stringify({
  eventType: 'ORDER_CREATED', eventId: randomUUID(), timestamp: new Date().toISOString(),
  data: { orderId, userId: 'user-1', amount: 10, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 10 }] },
});
const paymentOf = (orderId: string) => JSON.stringify({
  eventType: 'PAYMENT_COMPLETED', eventId: randomUUID(), timestamp: new Date().toISOString(),
  data: { orderId, paymentId: randomUUID(), paymentStatus: 'completed', amount: 10, currency: 'USD', processedAt: new Date().toISOString() },
});
const noValues = (): Header[] => ['traceparent', 'tracestate', 'redrive-count', 'redrive-of', ''].map((name) => [name, null]);
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

// Kafka's console consumer, where there is no kcat, takes some seconds for each look at a topic.
const SLOW_MS = 240_000;

describe('Headers on a real broker', () => {
  let stage: Stage;

  const send = async (topic: string, messages: Message[]): Promise<void> => {
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({ topic, messages });
    await producer.disconnect();
  };
  /** Sends it to `orders` and waits for what comes of it. */
  const outcomeOf = async (message: Message): Promise<TopicRecord> => {
    await send(stage.topics.orders, [message]);
    await stage.settle();
    const { reach, topics } = stage;
    const outcomes = [...await readTopic(reach, topics.payments), ...await readTopic(reach, topics.deadLetters)];
    const found = outcomes.find(({ key }) => key?.toString() === message.key);
    expect(found).toBeDefined();
    return found!;
  };
  /** Both services go on: a new order is paid, and service-a shows it. */
  const expectLife = async (): Promise<void> => {
    await stage.untilReady();
    const orderId = randomUUID();
    await send(stage.topics.orders, [{ key: orderId, value: eventOf(orderId) }]);
    await waitFor(`${orderId} to have its outcome`, async () => (await stage.load.look(orderId))?.status === 'completed');
    expect([stage.a.exits, stage.b.exits]).toEqual([[], []]);
  };
  const originalHeadersOf = ({ value }: TopicRecord): unknown =>
    (JSON.parse(String(value)) as { originalHeaders?: unknown }).originalHeaders;

  beforeAll(async () => {
    stage = await createStage({
      name: 'headers-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(5), perSecond: 0,
      env: { PAYMENT_SUCCESS_RATE: '1', PAYMENT_TRANSIENT_RATE: '0' },
    });
    await stage.untilReady();
  });

  afterAll(async () => {
    await stage.close();
  });

  it('12.1 When headers have no value, on whatever topic and record, then both services go on', async () => {
    const orderId = randomUUID();
    const { topics } = stage;
    await send(topics.orders, [
      { key: orderId, value: eventOf(orderId), headers: headersOfList(noValues()) },
      { key: 'a', value: eventOf(randomUUID()), headers: headersOfList([['traceparent', traceparent], ['tracestate', null]]) },
      { key: 'b', value: '{bad', headers: headersOfList(noValues()) },
      { key: 'c', value: null, headers: headersOfList([['traceparent', traceparent], ['traceparent', null]]) },
    ]);
    for (const topic of [topics.payments, topics.deadLetters]) {
      await send(topic, [
        { key: orderId, value: paymentOf(orderId), headers: headersOfList(noValues()) },
        { key: orderId, value: '{bad', headers: headersOfList(noValues()) },
        { key: null, value: null, headers: headersOfList([['traceparent', traceparent], ['tracestate', null]]) },
      ]);
    }
    await expectLife();
    await waitFor('the order to be paid', async () => (await stage.load.look(orderId))?.status === 'completed');
  }, SLOW_MS);

  it('12.2 When a record holds a quarter of a million headers, then it has its outcome and both services go on', async () => {
    const many = (of: (index: number) => Header, count: number) => headersOfList(Array.from({ length: count }, (_, index) => of(index)));
    const orderId = randomUUID();
    const paid = await outcomeOf({ key: orderId, value: eventOf(orderId), headers: many(() => ['', 'v'], 250_000) });
    expect(JSON.parse(String(paid.value))).toMatchObject({ eventType: 'PAYMENT_COMPLETED' });
    for (const [of, count] of [[() => ['', null], 500_000], [(index: number) => [index.toString(36), 'v'], 120_000]] as const) {
      const letter = await outcomeOf({ key: randomUUID(), value: '{bad', headers: many(of as (index: number) => Header, count) });
      expect(originalHeadersOf(letter)).toHaveLength(count);
    }
    await expectLife();
  }, SLOW_MS);

  it('12.4 When a dead letter is put back, then its headers are the same to the byte, and a second time too', async () => {
    const list: Header[] = [
      ['a', '1'], ['b', '2'], ['a', '3'], ['none', null], ['none', ''], ['empty', ''], ['__proto__', 'x'], ['toString', null],
      ['bytes', Buffer.from([0xff, 0x2c])],
      ['__dlq.errors.topic', 'older'], ['traceparent', null],
    ];
    const pairs = list.map(([name, value]) => [String(name), value === null ? null : Buffer.from(value).toString('latin1')]);
    const key = randomUUID();
    const letter = await outcomeOf({ key, value: '{bad', headers: headersOfList(list) });
    expect(letter.headers.slice(0, list.length)).toEqual(pairs);
    const marks = ['redrive-count', 'redrive-of', 'redrive-letter'];
    for (const round of [1, 2]) {
      expect((await stage.dlt(['redrive', '--order', key, '--yes']).ended).stdout.at(-1)).toBe('put back  1');
      const back = (await readTopic(stage.reach, stage.topics.orders)).find((record) =>
        record.key?.toString() === key && headerOf(record, 'redrive-count') === String(round));
      expect(back?.headers.slice(0, -3)).toEqual(pairs);
      expect(back?.headers.slice(-3).map(([name]) => name)).toEqual(marks);
      await stage.settle();
    }
  }, SLOW_MS);

  it('12.19 When another record names the letter, then it is put back all the same; of another topic, it is not', async () => {
    const key = randomUUID();
    const letter = await outcomeOf({ key, value: '{bad' });
    const position = `${letter.partition}:${letter.offset}`;
    const foreign = randomUUID();
    await outcomeOf({ key: foreign, value: eventOf(foreign), headers: { 'redrive-of': position, 'redrive-count': '1' } });
    await send(stage.topics.orders, [{ key, value: '{bad', headers: { 'redrive-of': position } }]);
    const elsewhere = randomUUID();
    const value = String(letter.value).replace(stage.topics.orders, 'refunds');
    await send(stage.topics.deadLetters, [{ key: elsewhere, value }]);
    expect((await stage.dlt(['redrive', position]).ended).stdout.at(-1)).toBe('put back  1');
    expect((await stage.dlt(['redrive', position]).ended).stdout).toContain('skipped   1: put back before');
    const dryRun = await stage.dlt(['redrive', '--order', elsewhere, '--dry-run']).ended;
    expect(dryRun.stdout.join('\n')).toContain(`original is not of ${stage.topics.orders}`);
  }, SLOW_MS);

  it('12.1 When all that lies in the topics, then service-a comes back after a restart', async () => {
    const orderId = randomUUID();
    await outcomeOf({ key: orderId, value: eventOf(orderId), headers: headersOfList(noValues()) });
    expect((await stage.a.stop()).code).toBe(0);
    stage.a.start();
    await stage.untilReady();
    await waitFor('the last order', async () => (await stage.load.look(orderId))?.status === 'completed');
  }, SLOW_MS);
});
