import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Message } from 'kafkajs';
import { createLogReader } from '../../service-b/src/kafka/log-reader';
import { checkInvariants, headerOf, redriveCountOf } from '../drill/invariants';
import { createRandom } from '../drill/random';
import { readTopic, type TopicRecord } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

type Listed = { position: string; key: string | null; errorType: string | null; redriveCount: number };

const positionOf = ({ partition, offset }: TopicRecord): string => `${partition}:${offset}`;

// Most tests start the command several times.
describe('Dead letters on a real broker', () => {
  let stage: Stage;

  const run = (...args: string[]) => stage.dlt(args).ended;
  const list = async (...args: string[]): Promise<Listed[]> => (await run('list', '--json', '--limit', '1000', ...args)).stdout
    .map((line) => JSON.parse(line) as Listed);
  const send = async (topic: string, messages: Message[]): Promise<void> => {
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({ topic, messages });
    await producer.disconnect();
  };
  /** How many records of `orders` were put back. */
  const putBack = async (): Promise<number> =>
    (await readTopic(stage.reach, stage.topics.orders)).filter((record) => redriveCountOf(record) > 0).length;
  /** The first record of `orders` with this header. */
  const found = async (name: string, value: string): Promise<TopicRecord | undefined> =>
    (await readTopic(stage.reach, stage.topics.orders)).find((record) => headerOf(record, name) === value);
  /** What becomes of a record: its dead letter, as it is listed. */
  const deadLetterOf = async (key: string): Promise<Listed> => {
    let letter: Listed | undefined;
    await waitFor(`the dead letter of ${key}`, async () => {
      [letter] = await list('--order', key);
      return letter !== undefined;
    });
    return letter!;
  };

  beforeAll(async () => {
    stage = await createStage({
      name: 'dlt-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(11), perSecond: 300, env: { PAYMENT_SUCCESS_RATE: '0.5' },
    });
    await stage.untilReady();
    await stage.load.run({ seconds: 2, orders: 200 });
    await stage.settle();
  });

  afterAll(async () => {
    await stage.close();
  });

  describe('looking', () => {
    it('When dead letters are listed, then they are those that another client finds in the topic', async () => {
      const records = await readTopic(stage.reach, stage.topics.deadLetters);
      expect(records.length).toBeGreaterThan(60);
      const listed = await list();
      expect(listed.map(({ position }) => position).sort()).toEqual(records.map(positionOf).sort());
      const { stdout, stderr } = await run('list', '--limit', '3');
      expect(stdout).toHaveLength(4);
      expect(stderr).toEqual([`the newest 3 of ${records.length}; --limit shows more`]);
    });

    it('When one is shown, then its original is there', async () => {
      const [letter] = await list('--type', 'PaymentDeclinedError');
      const { code, stdout } = await run('show', letter!.position);
      expect(code).toBe(0);
      expect(stdout.join('\n')).toContain(`"orderId": "${letter!.key}"`);
    });

    it('When they are counted, then the counts are those of the list', async () => {
      const listed = await list();
      const counts = (await run('stats', '--json')).stdout.map((line) => JSON.parse(line) as { errorType: string; count: number });
      for (const { errorType, count } of counts) expect(listed.filter((letter) => letter.errorType === errorType)).toHaveLength(count);
      expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(listed.length);
    });

    it('When time limits are given, then they hold', async () => {
      expect(await list('--since', '1h')).toHaveLength((await list()).length);
      expect(await list('--since', '2099-01-01')).toEqual([]);
      expect(await list('--until', '1h')).toEqual([]);
    });
  });

  describe('putting back', () => {
    it('When there is no terminal to ask at, then more than one is not put back', async () => {
      const before = (await readTopic(stage.reach, stage.topics.orders)).length;
      const { code, stdout, stderr } = await run('redrive', '--all');
      expect([code, stdout]).toEqual([1, []]);
      expect(stderr.join()).toMatch(/^dlt: that would put \d+ dead letters back: add --yes/);
      expect(await readTopic(stage.reach, stage.topics.orders)).toHaveLength(before);
    });

    it('When it is stopped by a signal, then it says how far it was, and goes on when it is run again', async () => {
      const letters = await list();
      const first = stage.dlt(['redrive', '--type', 'PaymentDeclinedError', '--yes', '--rate', '20']);
      await waitFor('the first ones', async () => await putBack() > 0);
      first.signal('SIGTERM');
      const stopped = await first.ended;
      expect(stopped.code).toBe(143);
      expect(stopped.stderr.at(-1)).toBe('dlt: stopped; run it again to go on');
      const [, done, of] = /^put back {2}(\d+) of (\d+)$/.exec(stopped.stdout.at(-1) ?? '')!;
      expect(await putBack()).toBe(Number(done));
      expect(Number(of)).toBe(letters.filter(({ errorType }) => errorType === 'PaymentDeclinedError').length);
      await stage.settle();

      const second = await run('redrive', '--type', 'PaymentDeclinedError', '--yes');
      expect(second.code).toBe(0);
      expect(second.stdout).toContain(`skipped   ${done}: put back before`);
    });

    it('When it is run in rounds, then most orders are completed, none is put back a fourth time, and the promises hold', async () => {
      for (let round = 0; round < 3; round += 1) {
        await stage.settle();
        expect((await run('redrive', '--all', '--yes')).code).toBe(0);
      }
      await stage.settle();
      const { stdout } = await run('redrive', '--all', '--yes');
      expect(stdout).toContain('put back  0');
      expect(stdout.join()).toContain('put back 3 times, the most that REDRIVE_MAX allows');

      const counts = (await readTopic(stage.reach, stage.topics.orders)).map(redriveCountOf);
      expect(Math.max(...counts)).toBe(3);
      const views = await Promise.all([...stage.load.accepted.keys()].map(stage.load.look));
      // One in sixteen is declined each time.
      expect(views.filter((view) => view?.status === 'completed').length).toBeGreaterThan(170);
      expect((await checkInvariants(stage)).violations).toEqual([]);
    }, 120_000);

    it('When a record of bytes is put back, then its key, value and headers are the same to the byte', async () => {
      const id = randomUUID();
      const headers = { id: Buffer.from(id), trace: Buffer.from([0xff, 0x3d, 0xfe]), via: [Buffer.from('a'), Buffer.from([0xc3])] };
      await send(stage.topics.orders, [{ key: Buffer.from([0xff, 0x01]), value: Buffer.from([0xc3, 0x28, 0x00]), headers }]);
      const { position } = await deadLetterOf('base64:/wE=');
      expect((await run('redrive', position)).stdout).toContain('put back  1');
      const back = await found('redrive-of', position);
      const first = await found('id', id);
      expect(back).toMatchObject({ partition: first!.partition, key: first!.key, value: first!.value });
      const mark = [['redrive-count', '1'], ['redrive-of', position], ['redrive-letter', expect.stringMatching(/^[0-9a-f]{32}$/)]];
      expect(back!.headers).toEqual([...first!.headers, ...mark]);
      expect(first!.headers).toEqual([['id', id], ['trace', '\xff=\xfe'], ['via', 'a'], ['via', '\xc3']]);
    });

    it('When a record has neither key nor value, then it is put back on its partition', async () => {
      await send(stage.topics.orders, [{ key: null, value: null, partition: 2 }]);
      const isIt = ({ key }: Listed): boolean => key === null;
      await waitFor('its dead letter', async () => (await list()).some(isIt));
      const { position } = (await list()).find(isIt)!;
      await run('redrive', position);
      expect(await found('redrive-of', position)).toMatchObject({ partition: 2, value: null });
    });

    it('When a record has no room for the headers of a mark, then it is told, and others are put back', async () => {
      const key = 'full to the brim';
      // max.message.bytes of the topic, less what a batch of this one record needs besides its value.
      await send(stage.topics.orders, [{ key, value: Buffer.alloc(1_048_588 - 98, 'x') }, { key: `${key}, nearly`, value: 'x' }]);
      const full = await deadLetterOf(key);
      const other = await deadLetterOf(`${key}, nearly`);
      const alone = await run('redrive', full.position);
      expect([alone.code, alone.stdout.at(-1)]).toEqual([1, 'put back  0 of 1']);
      expect(alone.stderr).toEqual([`the topic takes no record as large as these: ${full.position}`]);
      expect((await run('redrive', '--since', '1m', '--type', 'InvalidOrderError', '--yes')).code).toBe(1);
      expect(await found('redrive-of', other.position)).toBeDefined();
    });
  });

  describe('what is in the way', () => {
    it('When a record of the topic is no dead letter, then it is listed as such and never put back', async () => {
      await send(stage.topics.deadLetters, [{ key: 'rubbish', value: '{bad' }]);
      const [letter] = await list('--order', 'rubbish');
      expect(letter).toMatchObject({ errorType: null });
      expect((await run('show', letter!.position)).stdout).toContain('{bad');
      expect((await run('redrive', letter!.position)).stdout).toEqual(['chosen    1', 'skipped   1: cannot be read', 'put back  0']);
    });

    it('When the topic ends in the mark of a transaction, then it is read to its end', async () => {
      const producer = stage.kafka.producer({ transactionalId: randomUUID(), idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (const [key, end] of [['committed', 'commit'], ['aborted', 'abort']] as const) {
        const transaction = await producer.transaction();
        await transaction.send({ topic: stage.topics.deadLetters, messages: [0, 1, 2].map((partition) => ({ key, value: 'x', partition })) });
        await transaction[end]();
      }
      await producer.disconnect();
      expect(await list('--order', 'committed')).toHaveLength(3);
      expect(await list('--order', 'aborted')).toEqual([]);
      const { position } = (await list('--order', 'committed'))[0]!;
      const [partition, offset] = position.split(':');
      const mark = await run('show', `${partition}:${Number(offset) + 1}`);
      expect([mark.code, mark.stdout]).toEqual([1, []]);
      expect(mark.stderr.join()).toMatch(/^dlt: there is nothing at /);
    });

    it('When the older dead letters are gone, then the others are listed', async () => {
      const before = await list();
      const admin = stage.kafka.admin();
      await admin.connect();
      const ends = await admin.fetchTopicOffsets(stage.topics.deadLetters);
      const partitions = ends.map(({ partition, high }) => ({ partition, offset: String(Math.floor(Number(high) / 2)) }));
      await admin.deleteTopicRecords({ topic: stage.topics.deadLetters, partitions });
      await admin.disconnect();
      const after = await list();
      expect(after.length).toBeGreaterThan(0);
      expect(after.length).toBeLessThan(before.length);
      expect((await run('show', '0:0')).stderr).toEqual([`dlt: there is nothing at 0:0 of ${stage.topics.deadLetters}`]);
    });

    // As long as it says so, no redrive puts back what lies there.
    it('When a group has committed, then the rest of the topic is left to it; when that is outside of the topic, or nothing, then all is', async () => {
      const topic = stage.topics.deadLetters;
      const { low, high } = (await stage.admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0)!;
      const [first, end] = [Number(low), Number(high)];
      const leftTo = async (committed: number | undefined) => {
        const groupId = `dlt-test.${randomUUID()}`;
        const partitions = [{ partition: 0, offset: String(committed) }];
        if (committed !== undefined) await stage.admin.setOffsets({ groupId, topic, partitions });
        const ranges = await createLogReader({ kafka: stage.kafka, brokers: [], groupId }).uncommittedOf(topic);
        const { from, to } = ranges.find(({ partition }) => partition === 0)!;
        return { committed, from: Number(from), to: Number(to) };
      };
      expect(first).toBeGreaterThan(0);
      for (const committed of [first, first + 1, end]) expect(await leftTo(committed)).toEqual({ committed, from: committed, to: end });
      for (const committed of [first - 1, end + 1, undefined]) expect(await leftTo(committed)).toEqual({ committed, from: first, to: end });
    });

    it('When the topic does not exist, then it says so', async () => {
      const { code, stdout, stderr } = await stage.dlt(['list'], { DLT_TOPIC: 'no.such.topic' }).ended;
      expect([code, stdout]).toEqual([1, []]);
      expect(stderr).toEqual([expect.stringMatching(/^dlt: Kafka at .*: cannot read the ends of no\.such\.topic: /)]);
    });

    it('When nothing listens where the broker should be, then it says so in one line', async () => {
      const { code, stderr } = await stage.dlt(['redrive', '--all', '--yes'], { KAFKA_BROKERS: '127.0.0.1:1' }).ended;
      expect(code).toBe(1);
      expect(stderr).toEqual([expect.stringMatching(/^dlt: Kafka at 127\.0\.0\.1:1: cannot read .*ECONNREFUSED/)]);
    });

    it('When the broker does not answer, then it says so after ten seconds', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const brokers = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const startedAt = Date.now();
      const { code, stderr } = await stage.dlt(['stats'], { KAFKA_BROKERS: brokers }).ended;
      silent.close();
      expect([code, stderr]).toEqual([1, [`dlt: Kafka at ${brokers}: cannot read the ends of ${stage.topics.deadLetters}: no answer within 10 s`]]);
      expect(Date.now() - startedAt).toBeLessThan(13_000);
    });

    it('When the command line or a setting is wrong, then it says what, with an exit code of its own', async () => {
      const usage = await run('redrive', '--everything');
      expect([usage.code, usage.stdout]).toEqual([2, []]);
      expect(usage.stderr.join('\n')).toMatch(/^dlt: Unknown option '--everything'[^]*\nusage: dlt redrive /);
      const setting = await stage.dlt(['list'], { REDRIVE_MAX: 'many' }).ended;
      expect([setting.code, setting.stderr]).toEqual([1, [expect.stringMatching(/^dlt: Invalid settings: REDRIVE_MAX: /)]]);
    });
  });

  it('When it has ended, then its consumer group is gone', async () => {
    const { groups } = await stage.admin.listGroups();
    expect(groups.map(({ groupId }) => groupId).filter((groupId) => groupId.includes('dlt-test') && groupId.includes('.dlt.'))).toEqual([]);
  });
});
