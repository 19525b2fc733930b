import { setTimeout as sleep } from 'node:timers/promises';
import type { Faults } from '../provider/faults';
import type { Drill } from './drills';
import { compareWithLedger } from './ledger-check';
import { startProvider, type Provider } from './provider';
import type { Stage } from './stage';

type ProviderDrill = {
  name: string;
  what: string;
  quick?: boolean;
  perSecond: number;
  seconds: number;
  faults: Partial<Faults>;
  /** What happens beside the load, service-b killed apart; returns how many faults that were. */
  trouble?: (provider: Provider, stage: Stage) => Promise<number>;
  /** What has to have happened for the drill to have shown anything; undefined if it has. */
  missed?: (seen: { lost: number; messages: string[] }) => string | undefined;
};

const MAX_ROUNDS = 6;

const putBack = async (stage: Stage): Promise<void> => {
  const { code, stderr } = await stage.dlt(['redrive', '--all', '--yes', '--rate', '200']).ended;
  if (code !== 0) throw new Error(`redrive ended with exit code ${code}: ${stderr.join(' ')}`);
};

const killTwice = async ({ b, random }: Stage): Promise<number> => {
  for (let i = 0; i < 2; i += 1) {
    await sleep(1_000 + random.integer(1_500));
    await b.kill();
  }
  return 2;
};

/**
 * Charges at a provider that fails, while service-b is killed; puts back what failed, once while the provider still fails (service-b is
 * killed again) and then when it is well, until every charge has its payment.
 */
const providerDrill = ({ faults, trouble, missed, ...drill }: ProviderDrill): Drill => {
  let provider: Provider;
  const compare = (stage: Stage, allPaid: boolean) => compareWithLedger({ ...stage, ledger: provider.ledger, allPaid });
  return {
    ...drill,
    env: { PAYMENT_TIMEOUT_MS: '700', PAYMENT_MAX_RETRIES: '2', PAYMENT_RETRY_BASE_MS: '50', REDRIVE_MAX: '10' },
    beside: async () => {
      provider = await startProvider();
      await provider.setFaults(faults);
      return {
        env: { PAYMENT_GATEWAY_URL: provider.url },
        check: async (stage) => {
          const { violations, charges, ...seen } = await compare(stage, true);
          const miss = missed?.(seen);
          console.log(`  ledger: ${charges} approved charges, ${seen.lost} of them named by a dead letter before their payment`);
          return miss === undefined ? violations : [...violations, miss];
        },
        close: provider.close,
      };
    },
    load: async (stage) => {
      await stage.load.run({ seconds: drill.seconds });
      await stage.settle();
      const putting = putBack(stage);
      await stage.b.kill();
      await putting;
      await stage.settle();
      const { violations } = await compare(stage, false);
      if (violations.length > 0) throw new Error(`before the provider was well again: ${violations.slice(0, 5).join('; ')}`);
      await provider.setFaults({});
      await provider.untilIdle();
      // More than once: a busy machine can be too slow for a deadline.
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        await putBack(stage);
        await stage.settle();
        if ((await compare(stage, true)).violations.length === 0) return;
      }
    },
    faults: async (stage) => {
      const [kills, more] = await Promise.all([killTwice(stage), trouble?.(provider, stage) ?? 0]);
      return kills + more + 1;
    },
  };
};

export const providerDrills: Drill[] = [
  providerDrill({
    name: 'gateway-hangs', what: 'the provider hangs, before and after it has charged, or takes 15 s; a redrive while it still works on some',
    perSecond: 60, seconds: 9, faults: { hangBefore: 0.1, hangAfter: 0.2, slow: 0.1, slowMs: 15_000 },
    trouble: async (_provider, stage) => {
      await sleep(5_000);
      await putBack(stage);
      return 1;
    },
    missed: ({ messages }) =>
      (messages.some((message) => message.includes('still works on charge')) ? undefined : 'no order was put back while its charge was pending'),
  }),
  providerDrill({
    name: 'gateway-books-and-dies', what: 'charges are booked and their answers lost: connection reset, 503, the provider SIGKILL twice', quick: true,
    perSecond: 80, seconds: 6, faults: { resetAfter: 0.4, errorAfter: 0.2 },
    trouble: async (provider) => {
      for (let i = 0; i < 2; i += 1) {
        await sleep(1_500);
        await provider.kill();
        await provider.start();
      }
      return 2;
    },
    missed: ({ lost }) => (lost > 0 ? undefined : 'no order was put back whose lost charge was booked'),
  }),
  providerDrill({
    name: 'gateway-replays', what: 'the provider answers a fifth of the keys 500, and saves that: only a new key helps',
    perSecond: 80, seconds: 6, faults: { savedError: 0.2 },
  }),
  providerDrill({
    name: 'gateway-limits', what: 'the provider takes 40 calls a second and answers the others 429',
    perSecond: 80, seconds: 6, faults: { limitPerSecond: 40 },
  }),
  providerDrill({
    name: 'gateway-down', what: 'the provider SIGKILL, away for 30 s', perSecond: 50, seconds: 36, faults: { latencyMs: 20 },
    trouble: async (provider) => {
      await sleep(2_000);
      await provider.kill();
      await sleep(30_000);
      await provider.start();
      return 1;
    },
  }),
];
