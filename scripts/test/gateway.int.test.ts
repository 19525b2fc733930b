import { partitionOf } from '../../service-b/src/kafka/partitioner';
import { idempotencyKeyOf } from '../../service-b/src/processors/process-order';
import { startProvider, type Provider } from '../drill/provider';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';
import { draw, fateOf } from '../provider/fates';

const orderIdOf = (number: string): string => `550e8400-e29b-41d4-a716-44665544${number}`;
const anOrder = (overrides: Record<string, unknown> = {}) => ({
  orderId: orderIdOf('0000'), userId: 'user-123', amount: 99.99, currency: 'USD',
  items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }], ...overrides,
});
const event = (order: unknown): string =>
  JSON.stringify({ eventType: 'ORDER_CREATED', eventId: 'elsewhere', timestamp: new Date().toISOString(), data: order });

type View = { status: string; failure?: { type: string; message: string; retryCount: number } };
type Charge = { reference: string; amount: number; status: string; key: string };

describe('The pair with a payment provider, on a real broker', () => {
  let provider: Provider;
  let stage: Stage;

  const post = (order: { orderId: string }, headers: Record<string, string> = {}) => fetch(`${stage.a.url}/orders`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(order),
  });
  const finished = async (orderId: string): Promise<View> => {
    const answer = await fetch(`${stage.a.url}/orders/${orderId}`, { headers: { prefer: 'wait=20' } });
    return await answer.json() as View;
  };
  const chargesOf = async (orderId: string): Promise<Charge[]> =>
    (await (await fetch(`${provider.url}/charges?reference=${orderId}`)).json() as { charges: Charge[] }).charges;
  const redrive = async (orderId: string): Promise<void> => {
    const { code, stderr } = await stage.dlt(['redrive', '--order', orderId, '--yes']).ended;
    if (code !== 0) throw new Error(stderr.join(' '));
  };
  const completed = (orderId: string) => waitFor(`${orderId} to be completed`, async () => (await finished(orderId)).status === 'completed');

  beforeAll(async () => {
    provider = await startProvider();
    stage = await createStage({
      name: 'gateway-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(8), perSecond: 0,
      env: { PAYMENT_GATEWAY_URL: provider.url, PAYMENT_TIMEOUT_MS: '2000', PAYMENT_RETRY_BASE_MS: '20' },
    });
    await stage.untilReady();
  });

  afterEach(() => provider.setFaults({}));

  afterAll(async () => {
    await stage.close();
    await provider.close();
  });

  it.each([
    ['0000', 'completed', undefined], ['0002', 'failed', 'PaymentDeclinedError'], ['0385', 'failed', 'PaymentDeclinedError'],
    ['0018', 'completed', undefined], ['0446', 'failed', 'GatewayUnavailableError'],
  ])('When the order ...%s of the README is charged at the provider, then it is %s, as in the simulation', async (number, status, type) => {
    await post(anOrder({ orderId: orderIdOf(number) }));
    const view = await finished(orderIdOf(number));
    expect([view.status, view.failure?.type]).toEqual([status, type]);
  });

  it.each(['0002', '0446'])('When the order ...%s is put back, then it is approved, and charged once', async (number) => {
    await redrive(orderIdOf(number));
    await completed(orderIdOf(number));
    expect((await chargesOf(orderIdOf(number))).filter(({ status }) => status === 'approved')).toHaveLength(1);
  });

  it('12.22 When the gateway is unavailable, then each retry leaves a line with attempt, reason, trace and position', async () => {
    await provider.setFaults({ errorBefore: 1 });
    const orderId = stage.random.uuid();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    await post(anOrder({ orderId }), { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    await finished(orderId);
    const lines = stage.b.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line.message === 'payment retried' && line.orderId === orderId);
    expect(lines.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    for (const line of lines) {
      expect(line).toMatchObject({
        level: 'info', traceId, topic: stage.topics.orders, partition: expect.any(Number) as number, offset: expect.stringMatching(/^\d+$/) as string,
        reason: expect.stringMatching(/^the provider answered 503; idempotency key /) as string,
      });
    }
  });

  it('When a second record of one order has another amount, then it is a conflict, and the first one is what was charged', async () => {
    const orderId = orderIdOf('0001');
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({
      topic: stage.topics.orders,
      messages: [99.99, 5].map((amount) => ({ key: orderId, value: event(anOrder({ orderId, amount })) })),
    });
    await producer.disconnect();
    const letters = async () => (await readTopic(stage.reach, stage.topics.deadLetters)).filter(({ key }) => key?.toString() === orderId);
    await waitFor('the dead letter', async () => (await letters()).length === 1);
    expect(JSON.parse((await letters())[0]!.value!.toString())).toMatchObject({ errorType: 'PaymentConflictError', retryCount: 0 });
    expect(await finished(orderId)).toMatchObject({ status: 'completed', amount: 99.99 });
    expect(await chargesOf(orderId)).toMatchObject([{ amount: 99.99, status: 'approved' }]);
  });

  it('When answers are lost until the retries are over, then the dead letter names the key, and a redrive finds the charge', async () => {
    await provider.setFaults({ resetAfter: 1 });
    const orderId = orderIdOf('0004');
    await post(anOrder({ orderId }));
    const { failure } = await finished(orderId);
    const [charge] = await chargesOf(orderId);
    expect(failure).toMatchObject({ type: 'GatewayUnavailableError', retryCount: 3, message: expect.stringContaining(charge!.key) as string });
    await redrive(orderId);
    await completed(orderId);
    expect(await chargesOf(orderId)).toEqual([charge]);
  });

  it('When calls hang and service-b gets SIGTERM, then it ends with exit code 0 at once, and the order is charged once after the next start', async () => {
    await provider.setFaults({ hangAfter: 1 });
    const orderId = orderIdOf('0005');
    await post(anOrder({ orderId }));
    await waitFor('the charge', async () => (await chargesOf(orderId)).length === 1);
    const { code, ms } = await stage.b.stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
    await provider.setFaults({});
    stage.b.start();
    await completed(orderId);
    expect(await chargesOf(orderId)).toHaveLength(1);
  });

  describe('an order behind one that is still being retried', () => {
    const faults = { hangBefore: 0.5, errorBefore: 0.5 };
    /** What becomes of calls of the provider, as it draws it: 0 for the first record of an order, 1 for its redrive. */
    const answers = (orderId: string, redrive: number, calls: number[]): string[] => calls.map((call) => {
      const hits = (fault: keyof typeof faults) => draw(`${fault}:${call}`, idempotencyKeyOf(orderId, redrive)) < faults[fault];
      if (hits('hangBefore')) return 'none';
      return hits('errorBefore') ? '503' : 'an answer';
    });
    const isApproved = (reference: string, number: number): boolean =>
      fateOf({ reference, number, calls: 0 }, { successRate: 0.8, transientRate: 0.02 }) === 'approved';
    const orderWith = (is: (orderId: string) => boolean): string => {
      for (;;) {
        const orderId = stage.random.uuid();
        if (is(orderId)) return orderId;
      }
    };
    let hanging: string;
    let failed: string;

    beforeAll(async () => {
      await stage.b.stop();
      // Three calls that hang outlast the 10 s that a redrive waits.
      stage.b.start({ PAYMENT_TIMEOUT_MS: '6000' });
      await stage.b.untilReady();
    });

    // One order of a partition hangs. The next one is refused, and nothing is booked under its first key; put back, it would be charged.
    beforeEach(async () => {
      await provider.setFaults(faults);
      hanging = orderWith((orderId) => isApproved(orderId, 0) && answers(orderId, 0, [1, 2, 3]).every((one) => one === 'none'));
      failed = orderWith((orderId) => partitionOf(Buffer.from(orderId), 3) === partitionOf(Buffer.from(hanging), 3)
        && isApproved(orderId, 0) && answers(orderId, 0, [1, 2, 3, 4]).every((one) => one === '503')
        && isApproved(orderId, 1) && answers(orderId, 1, [1]).includes('an answer'));
      for (const orderId of [hanging, failed]) await post(anOrder({ orderId }));
      expect((await finished(failed)).failure).toMatchObject({ type: 'GatewayUnavailableError' });
    });

    const putBack = async (): Promise<string[]> => (await stage.dlt(['redrive', '--order', failed, '--yes']).ended).stdout.slice(1);

    it('When it is to be put back and service-b is killed, then it is not put back, comes again, and is charged once', async () => {
      expect(await putBack()).toEqual(['skipped   1: original is not committed yet', 'put back  0']);
      await stage.b.kill();
      await provider.setFaults({});
      await Promise.all([hanging, failed].map(completed));
      expect(await chargesOf(failed)).toMatchObject([{ status: 'approved', key: idempotencyKeyOf(failed, 0) }]);
      expect(await putBack()).toEqual(['skipped   1: order is paid', 'put back  0']);
    });

    it('When the other one ends meanwhile, then it is waited for, put back, and charged once', async () => {
      const said = putBack();
      await provider.setFaults({});
      expect(await said).toEqual(['put back  1']);
      await Promise.all([hanging, failed].map(completed));
      expect(await chargesOf(failed)).toMatchObject([{ status: 'approved', key: idempotencyKeyOf(failed, 1) }]);
    });
  });
});
