import { fill, orderCreated } from './bench/fill';
import { rssMiB } from './bench/measure';
import { createRandom } from './drill/random';
import { createStage, type Stage } from './drill/stage';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

/** Fills the topics with `count` orders that failed, a tenth of them paid since. */
const fillWithDeadLetters = (stage: Stage, count: number): Promise<void> => fill(stage, count, (orderIds, from) => {
  const { topics } = stage;
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

runScript(() => withLocalBroker(async ({ brokers }) => {
  for (const count of process.argv.slice(2).map(Number)) {
    const stage = await createStage({ name: `dlt-${count}`, brokers, random: createRandom(count), perSecond: 0 });
    try {
      await Promise.all([stage.a.stop(), stage.b.stop()]);
      await fillWithDeadLetters(stage, count);
      console.log(`${count} dead letters:`);
      await measure(stage, 'list');
      await measure(stage, 'stats');
      await measure(stage, 'redrive', '--all', '--dry-run');
      await measure(stage, 'redrive', '--all', '--yes');
    } finally {
      await stage.close();
    }
  }
}));
