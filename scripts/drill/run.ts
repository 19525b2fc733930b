import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Beside, Drill } from './drills';
import { checkInvariants, type Counts } from './invariants';
import { createStage, type Stage } from './stage';

export type Result = Counts & {
  drill: string;
  what: string;
  orders: number;
  faults: number;
  /** Outcomes published more than once, under the same paymentId: allowed. */
  duplicates: number;
  /** Posts that were answered 503 or not at all, and sent again. */
  refused: number;
  longestOutageMs: number;
  /** The longest time between two outcomes. */
  outcomeGapMs: number;
  settleSeconds: number;
  violations: string[];
};

type Verdict = Pick<Result, 'settleSeconds' | 'violations' | 'duplicates' | 'outcomeGapMs' | keyof Counts>;

/** What the invariants say of a drill that has come to its end, settled or not. */
const atTheEnd = async (stage: Stage, drill: Pick<Drill, 'env'>, beside: Beside | undefined): Promise<Verdict> => {
  const violations: string[] = [];
  // What does not settle is looked at all the same: it tells what is missing.
  const settleSeconds = await stage.settle().catch((error: unknown) => {
    violations.push(String(error));
    return NaN;
  });
  await stage.sampleCommits();
  for (const service of [...stage.replicas, ...stage.members]) {
    if (!service.running()) violations.push(`${service.name} is not running at the end`);
    for (const { code } of service.crashes()) violations.push(`${service.name} ended by itself with exit code ${code}`);
  }
  const { violations: broken, counts, duplicates, outcomeGapMs } = await checkInvariants({
    ...stage, fatesVary: beside !== undefined, redriveMax: Number(drill.env?.REDRIVE_MAX ?? 3),
  });
  violations.push(...broken, ...await beside?.check(stage) ?? []);
  return { settleSeconds, duplicates, outcomeGapMs, ...counts, violations };
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** In words, if something did not happen for longer than allowed. */
export const exceeded = (what: string, ms: number, allowed = Infinity): string[] =>
  (ms > allowed ? [`${what} for ${seconds(ms)}; ${seconds(allowed)} are allowed`] : []);

/**
 * Plays a drill on a stage of its own: load and faults side by side, then what the invariants say.
 * @param faults returns how many it injected; it throws, with a sentence, when something it expects does not come
 * @param andThen what more is to hold, once the load is over: returns what is broken, in words
 */
export const runDrill = async (
  drill: Omit<Drill, 'faults'>, on: Omit<Parameters<typeof createStage>[0], 'name' | 'perSecond' | 'env'>,
  faults: (stage: Stage) => Promise<number>, andThen: (stage: Stage) => string[] | Promise<string[]> = () => [],
): Promise<Result> => {
  const beside = await drill.beside?.();
  const stage = await createStage({ name: drill.name, perSecond: drill.perSecond, env: { ...drill.env, ...beside?.env }, ...on });
  const result: Result = {
    drill: drill.name, what: drill.what, orders: 0, faults: 0, falseAccepts: 0, lost: 0, committedEarly: 0, paidTwice: 0,
    duplicates: 0, refused: 0, longestOutageMs: 0, outcomeGapMs: 0, settleSeconds: 0, violations: [],
  };
  try {
    await stage.untilReady();
    const loading = drill.load?.(stage) ?? stage.load.run({ seconds: drill.seconds });
    const [, injected] = await Promise.all([loading, faults(stage)]);
    Object.assign(result, await atTheEnd(stage, drill, beside));
    result.faults = injected;
    result.violations.push(
      ...exceeded('no order was accepted', stage.load.longestOutageMs(), drill.limitMs?.whole),
      ...exceeded('no order had its outcome', result.outcomeGapMs, drill.limitMs?.outcomes),
      ...await andThen(stage),
    );
  } catch (error) {
    result.violations.push(...stage.load.violations, error instanceof Error ? error.message : String(error));
  } finally {
    const { load } = stage;
    Object.assign(result, { orders: load.posted(), refused: load.refused(), longestOutageMs: load.longestOutageMs() });
    if (result.violations.length > 0) {
      for (const [i, service] of [...stage.replicas, ...stage.members].entries()) {
        const file = join(tmpdir(), `drill-${drill.name}-${service.name}-${i + 1}.log`);
        await writeFile(file, service.lines.join('\n'));
        console.log(`  log of ${service.name}: ${file}`);
      }
    }
    await stage.close();
    await beside?.close();
  }
  return result;
};
