import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../drill/load';

/** Answers of one run of the generator; times in microseconds. */
export type Saturation = { requests: number; seconds: number; errors: number; p50: number; p99: number; max: number };

export const CONNECTIONS = 64;

/** The order that is posted over and over: the service gives each an id of its own. The same as in post-orders.lua. */
export const ORDER_BODY = '{"userId":"user-123","amount":99.99,"currency":"USD","items":[{"productId":"prod-001","quantity":2,"price":49.995}]}';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const ticksOf = (pid: number, ...fields: number[]): number => {
  const all = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return fields.reduce((sum, field) => sum + Number(all[field]), 0);
};

/** CPU time of a process so far, in milliseconds, from /proc (so: Linux only). */
export const cpuMs = (pid: number): number => (ticksOf(pid, 11, 12) / TICKS_PER_SECOND) * 1_000;

/** The same of a process and of those that it started, whether they run or have ended. */
export const cpuMsOfTree = (pid: number): number => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number);
  return (ticksOf(pid, 11, 12, 13, 14) / TICKS_PER_SECOND) * 1_000 + children.reduce((sum, child) => sum + cpuMs(child), 0);
};

/** Resident memory of a process in MiB: now, and at its peak. */
export const rssMiB = (pid: number): { now: number; peak: number } => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return { now: read('VmRSS'), peak: read('VmHWM') };
};

/** Loads `POST /orders` with wrk, as fast as it is answered. */
export const saturate = async (url: string, { connections, seconds }: { connections: number; seconds: number }): Promise<Saturation> => {
  const wrk = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', resolve(__dirname, 'post-orders.lua'), `${url}/orders`]);
  let output = '';
  wrk.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  wrk.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  await new Promise((done, fail) => {
    wrk.once('error', () => fail(new Error('wrk is needed to load the services: install it (Debian: apt-get install wrk; macOS: brew install wrk).')));
    wrk.once('close', done);
  });
  const result = /^RESULT (.*)$/m.exec(output)?.[1];
  if (result === undefined) throw new Error(`wrk gave no result:\n${output}`);
  const saturation = JSON.parse(result) as Saturation;
  if (saturation.errors > 0) throw new Error(`${saturation.errors} of ${saturation.requests} requests were not answered with success`);
  return saturation;
};

export const percentile = (values: number[], p: number): number => {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? NaN;
};

export const median = (values: number[]): number => percentile(values, 50);

/** Posts at a steady rate, whatever the answers take; returns the time of each answer in microseconds. */
export const atRate = async (url: string, { perSecond, seconds }: { perSecond: number; seconds: number }): Promise<number[]> => {
  const client = createClient(url);
  const micros: number[] = [];
  const open: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < perSecond * seconds; i += 1) {
    const due = startedAt + (i * 1_000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    const sentAt = performance.now();
    open.push(client.send('POST', '/orders', ORDER_BODY).then(({ status }) => {
      if (status !== 202) throw new Error(`POST answered ${status}`);
      micros.push((performance.now() - sentAt) * 1_000);
    }));
  }
  await Promise.all(open);
  client.close();
  return micros;
};
