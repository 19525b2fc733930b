import { fill, orderCreated } from './bench/fill';
import { rssMiB } from './bench/measure';
import { createRandom } from './drill/random';
import { createStage, type Stage } from './drill/stage';
import { waitFor } from './lib/process';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

/** Fills the topics with `count` orders that failed and were committed by service-b, a tenth of them paid since. */
const fillWithDeadLetters = async (stage: Stage, count: number): Promise<void> => {
  const { topics, groups, admin } = stage;
  await fill(stage, count, (orderIds, from) => {
    const now = new Date().toISOString();
    const orders = orderIds.map((key, i) =>
      ({ key, event: orderCreated(key, now), partition: i % 3, offset: String(Math.floor((from + i) / 3)) }));
    const letters = orders.map(({ key, event, partition, offset }) => ({ key, partition, value: JSON.stringify({
      originalTopic: topics.orders, originalPartition: partition, originalOffset: offset, originalKey: key, originalValue: event,
      originalValueEncoding: 'json', errorType: 'PaymentDeclinedError', errorMessage: 'payment gateway declined', errorStack: 'x'.repeat(500),
      failedAt: now, retryCount: 0,
    }) }));
    return [
      { topic: topics.orders, messages: orders.map(({ key, event, partition }) => ({ key, value: JSON.stringify(event), partition })) },
      { topic: topics.payments, messages: orders.slice(0, orders.length / 10).map(({ key, partition }) => ({ key, value: '{}', partition })) },
      { topic: topics.deadLetters, messages: letters },
    ];
  });
  const ends = await admin.fetchTopicOffsets(topics.orders);
  const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
  await admin.setOffsets({ groupId: groups.b, topic: topics.orders, partitions });
};

/** Runs `dlt` and says how long it took, and what it held at most. */
const measure = async (stage: Stage, ...args: string[]): Promise<void> => {
  const startedAt = Date.now();
  const dlt = stage.dlt(args);
  let peak = 0;
  const watch = setInterval(() => {
    try {
      peak = Math.max(peak, rssMiB(dlt.pid!).peak || 0);
    } catch {
      // It has just ended.
    }
  }, 20);
  const { code, stdout, stderr } = await dlt.ended;
  clearInterval(watch);
  if (code !== 0) throw new Error(`dlt ${args.join(' ')} ended with exit code ${code}: ${stderr.join(' ')}`);
  console.log(`dlt ${args.join(' ')}: ${((Date.now() - startedAt) / 1_000).toFixed(1)} s, RSS at most ${peak} MiB, ${stdout.length} lines, the last: ${stdout.at(-1)}`);
};

type Page = { items: unknown[]; complete: boolean; indexed: number };

/** Starts service-b, lets it pay what there is, and says what the operator's page takes to open then. */
const measurePage = async ({ admin, b, committedOffsets, topics }: Stage): Promise<void> => {
  const paid = async (): Promise<boolean> => {
    const [ends, committed] = [await admin.fetchTopicOffsets(topics.orders), await committedOffsets()];
    return ends.every(({ partition, high }) => (committed.get(partition) ?? 0) >= Number(high));
  };
  const ask = async (path: string): Promise<Page> => (await fetch(`${b.url}${path}`)).json() as Promise<Page>;
  b.start();
  await waitFor('every order to be paid', paid, { timeoutMs: 300_000, intervalMs: 1_000 });
  const before = rssMiB(b.pid());
  const startedAt = Date.now();
  const first = await ask('/dead-letters?limit=50');
  const opened = Date.now() - startedAt;
  await waitFor('all to be read', async () => (await ask('/dead-letters?limit=50')).complete, { timeoutMs: 300_000 });
  const [after, seconds] = [rssMiB(b.pid()), ((Date.now() - startedAt) / 1_000).toFixed(1)];
  console.log(`page: the newest ${first.items.length} after ${opened} ms, all after ${seconds} s (${(await ask('/dead-letters')).indexed} letters), `
    + `RSS ${before.now} MiB before (at most ${before.peak}), ${after.now} MiB after (at most ${after.peak})`);
};

const env = { OPERATOR_PAGE: 'on', PAYMENT_SUCCESS_RATE: '1', PAYMENT_TRANSIENT_RATE: '0', LOG_TRAIL_PER_SECOND: '0' };

runScript(() => withLocalBroker(async ({ brokers }) => {
  for (const count of process.argv.slice(2).map(Number)) {
    const stage = await createStage({ name: `dlt-${count}`, brokers, random: createRandom(count), perSecond: 0, env });
    try {
      await Promise.all([stage.a.stop(), stage.b.stop()]);
      await fillWithDeadLetters(stage, count);
      console.log(`${count} dead letters:`);
      await measure(stage, 'list');
      await measure(stage, 'stats');
      await measure(stage, 'redrive', '--all', '--dry-run');
      await measure(stage, 'redrive', '--all', '--yes');
      await measurePage(stage);
    } finally {
      await stage.close();
    }
  }
}));
