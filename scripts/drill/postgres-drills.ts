import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../lib/postgres';
import { fillDisk, smallDisk } from './disk';
import { createClient, type Order } from './load';
import type { PostgresDrill, PostgresStage } from './postgres-stage';
import { followFeed } from './feed';
import { runRebuild } from './service';

/** Whom a fault is about to hit, in turn. */
const inTurn = ({ replicas }: PostgresStage, turn: number) => replicas[turn % replicas.length]!;

/** Rebuilds the tables; resolves to the last line of it. */
const rebuild = async ({ envA }: PostgresStage): Promise<string> => (await runRebuild(envA)).at(-1) ?? '';

/** Posts different orders under one id to the replicas at once, each until it is 202 or 409; the accepted one is the load's then. */
const race = async ({ replicas, load, random }: PostgresStage): Promise<void> => {
  const { orderId, ...order } = load.anOrder();
  const rivals = replicas.flatMap(({ url }) => [1, 2].map((): { url: string; order: Order } =>
    ({ url, order: { ...order, orderId, userId: `rival-${random.uuid()}` } })));
  const statuses = await Promise.all(rivals.map(async ({ url, order: rival }) => {
    const client = createClient(url);
    try {
      for (let tries = 0; tries < 100; tries += 1) {
        const answer = await client.send('POST', '/orders', JSON.stringify(rival)).catch(() => undefined);
        if (answer?.status === 202) load.noteAccepted(rival);
        if (answer !== undefined && answer.status !== 503) return answer.status;
        await sleep(100);
      }
      return 0;
    } finally {
      client.close();
    }
  }));
  const seen = statuses.toSorted().join(' ');
  if (seen !== '202 409 409 409 409 409') throw new Error(`${orderId}, raced for by six orders, was answered ${seen}`);
};

export const postgresDrills: PostgresDrill[] = [
  {
    name: 'a-replicas', what: 'three service-a SIGKILL and SIGSTOP for 6 s in turn, an event stream going from one to the next', quick: true,
    perSecond: 120, seconds: 30,
    faults: async (stage) => {
      const feed = followFeed(stage.replicas.map(({ url }) => url));
      let faults = 0;
      while (stage.load.secondsLeft() > 8) {
        await sleep(1_000 + stage.random.integer(1_000));
        const victim = inTurn(stage, faults);
        if (faults % 2 === 0) await victim.kill();
        else {
          victim.signal('SIGSTOP');
          await sleep(6_000);
          victim.signal('SIGCONT');
        }
        faults += 1;
      }
      await sleep(stage.load.secondsLeft() * 1_000);
      await stage.settle();
      await feed.expectAll(stage.load.accepted.keys());
      return faults;
    },
  },
  {
    name: 'db-restart', what: 'PostgreSQL restarted, three times', quick: true, perSecond: 150, seconds: 16,
    faults: async ({ postgres }) => {
      for (let i = 0; i < 3; i += 1) {
        await sleep(3_000);
        await postgres.restart();
      }
      return 3;
    },
  },
  {
    name: 'db-crash', what: 'PostgreSQL SIGKILL three times, away for 3 s; one of its processes SIGKILL, whereupon it drops all connections', quick: true,
    perSecond: 150, seconds: 26,
    faults: async ({ postgres, url }) => {
      for (let i = 0; i < 3; i += 1) {
        await sleep(2_500);
        await postgres.kill();
        await sleep(3_000);
        await postgres.start();
      }
      await sleep(2_000);
      const [backend] = await query(url, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'service-a%' LIMIT 1");
      if (backend === undefined) throw new Error('no service-a is connected to PostgreSQL');
      process.kill(Number(backend['pid']), 'SIGKILL');
      return 4;
    },
  },
  {
    name: 'db-frozen', what: 'PostgreSQL SIGSTOP, all of it, for 15 s', perSecond: 120, seconds: 30,
    faults: async ({ postgres }) => {
      await sleep(4_000);
      await postgres.pause();
      await sleep(15_000);
      await postgres.resume();
      return 1;
    },
  },
  {
    name: 'db-full', what: 'the disk of PostgreSQL full for 10 s; before that, every write refused for 5 s', perSecond: 120, seconds: 34,
    disk: smallDisk,
    faults: async ({ postgres }) => {
      await sleep(3_000);
      await query(postgres.url, 'ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()');
      await sleep(5_000);
      await query(postgres.url, 'SET default_transaction_read_only = off', 'ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()');
      await sleep(3_000);
      const free = await fillDisk(postgres.dataDir);
      await sleep(10_000);
      await free();
      // Without room for its log it ends, as a container does that is started again then.
      await postgres.start();
      return 2;
    },
  },
  {
    name: 'rebuild', what: 'the tables read anew from the log, twice, beside three that serve; one of them SIGKILL meanwhile', quick: true,
    perSecond: 150, seconds: 20,
    faults: async (stage) => {
      await sleep(4_000);
      console.log(`  ${await rebuild(stage)}`);
      await sleep(2_000);
      const [last] = await Promise.all([rebuild(stage), sleep(300).then(() => inTurn(stage, 1).kill())]);
      console.log(`  ${last}`);
      return 3;
    },
  },
  {
    name: 'two-orders-one-id', what: 'six different orders under one id at once on three service-a, 150 times; one is SIGKILL halfway', quick: true,
    perSecond: 60, seconds: 16,
    faults: async (stage) => {
      await sleep(1_000);
      for (let i = 0; i < 15; i += 1) {
        await Promise.all([...Array.from({ length: 10 }, () => race(stage)), ...(i === 7 ? [inTurn(stage, 2).kill()] : [])]);
      }
      return 151;
    },
  },
];
