import { readdir } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs, rssMiB } from './bench/measure';
import { createRandom } from './drill/random';
import { createStage, type Stage } from './drill/stage';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

const withStage = async (brokers: string, name: string, perSecond: number, use: (stage: Stage) => Promise<void>): Promise<void> => {
  const stage = await createStage({ name, brokers, random: createRandom(1), perSecond });
  try {
    await stage.untilReady();
    await use(stage);
  } finally {
    await stage.close();
  }
};

/** CPU of service-a in milliseconds for each second of `seconds`. */
const cpuPerSecond = async ({ a }: Stage, seconds: number): Promise<string> => {
  const before = cpuMs(a.pid());
  await sleep(seconds * 1_000);
  return `${((cpuMs(a.pid()) - before) / seconds).toFixed(1)} ms/s`;
};

const rss = ({ a }: Stage): string => `RSS ${rssMiB(a.pid()).now} MiB (peak ${rssMiB(a.pid()).peak})`;

/** `count` clients, each on a connection of its own, wait for pending orders while service-b is away; then it comes back. */
const measureWaiters = (brokers: string, count: number): Promise<void> => withStage(brokers, `waiters-${count}`, 0, async (stage) => {
  const { a, b, load } = stage;
  await b.stop();
  await load.burst(count);
  await sleep(3_000);
  console.log(`nobody waits, ${count} orders are pending: CPU ${await cpuPerSecond(stage, 10)}, ${rss(stage)}`);
  const answeredAt: number[] = [];
  const statuses = Promise.all([...load.accepted.keys()].map(async (orderId) => {
    const response = await fetch(`${a.url}/orders/${orderId}`, { headers: { Prefer: 'wait=30' } });
    const { status } = await response.json() as { status: string };
    answeredAt.push(Date.now());
    return status;
  }));
  await sleep(5_000);
  const descriptors = (await readdir(`/proc/${a.pid()}/fd`)).length;
  console.log(`${count} wait: CPU ${await cpuPerSecond(stage, 10)}, ${rss(stage)}, ${descriptors} open descriptors`);
  const startedAt = Date.now();
  b.start();
  const pending = (await statuses).filter((status) => status === 'pending').length;
  const [first, last] = [Math.min(...answeredAt), Math.max(...answeredAt)];
  console.log(`service-b is back: first answer after ${first - startedAt} ms, last after ${last - startedAt} ms; ${pending} still pending, ${rss(stage)}`);
});

/** Opens a stream of all orders and counts what comes, or takes nothing. */
const openStream = async (url: string, stuck: boolean): Promise<{ orders: () => number; ended: () => boolean; close: () => void }> => {
  let orders = 0;
  let ended = false;
  const sent = request(`${url}/orders/events`, { agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject).end();
  });
  sent.on('error', () => undefined);
  response.on('error', () => undefined).once('close', () => void (ended = true)).setEncoding('latin1');
  if (!stuck) response.on('data', (text: string) => void (orders += text.split('event: order').length - 1));
  return { orders: () => orders, ended: () => ended, close: () => void sent.destroy() };
};

/** CPU of service-a at a steady rate of orders, with so many streams of all orders open. */
const measureStreams = (brokers: string, perSecond: number, streams: number, stuck: number): Promise<void> =>
  withStage(brokers, `streams-${streams}-${stuck}`, perSecond, async (stage) => {
    const { a, load } = stage;
    await load.run({ seconds: 5 });
    const open = await Promise.all(Array.from({ length: streams + stuck }, (_, i) => openStream(a.url, i >= streams)));
    const posted = load.posted();
    const before = cpuMs(a.pid());
    await load.run({ seconds: 15 });
    const orders = load.posted() - posted;
    const cpu = (cpuMs(a.pid()) - before) * 1_000 / orders;
    await stage.settle();
    await sleep(200);
    const told = open.slice(0, streams).map((stream) => stream.orders());
    const cut = a.lines.filter((line) => line.includes('event stream cut off')).length;
    console.log(`${streams} streams, ${stuck} stuck, ${perSecond} orders/s: CPU ${cpu.toFixed(0)} us/order, ${rss(stage)}, `
      + `events per order ${streams === 0 ? '-' : (Math.min(...told) / orders).toFixed(2)}, streams cut off ${cut}`);
    open.forEach(({ close }) => close());
  });

runScript(() => withLocalBroker(async ({ brokers }) => {
  await measureWaiters(brokers, 5_000);
  await measureWaiters(brokers, 10_000);
  for (const [streams, stuck] of [[0, 0], [1, 0], [20, 0], [0, 20]] as const) await measureStreams(brokers, 2_000, streams, stuck);
}));
