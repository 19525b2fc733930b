import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

type End = { code: number | null; output: string };

/** Runs `code` in a process of its own, with `shutdownOnSignal` and `exitOnUncaught`; sends it a signal at each line `signal` it prints. */
const run = (code: string): Promise<End> => new Promise((done) => {
  const setUp = `
    const { shutdownOnSignal, exitOnUncaught } = require('./src/utils/shutdown');
    const logger = Object.fromEntries(['info', 'warn', 'error'].map((level) => [level, (text) => console.log(text)]));
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--require', 'ts-node/register/transpile-only', '-e', setUp + code], { cwd: resolve(__dirname, '../..') });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
    if (data.toString().includes('signal')) child.kill('SIGTERM');
  });
  child.once('close', (exitCode) => done({ code: exitCode, output }));
});

describe('shutdown', () => {
  test('When a signal comes, then the steps run in order, one that fails or hangs holds up no other, and the exit code is 0', async () => {
    const { code, output } = await run(`
      shutdownOnSignal({ logger, atExit: () => console.log('at exit'), steps: [
        { name: 'one', timeoutMs: 1000, run: async () => { await sleep(50); console.log('one'); } },
        { name: 'two', timeoutMs: 1000, run: async () => { throw new Error('no'); } },
        { name: 'three', timeoutMs: 100, run: () => new Promise(() => undefined) },
        { name: 'four', timeoutMs: 1000, run: async () => console.log('four') },
      ] });
      console.log('signal');`);
    expect(output.split('\n').filter((line) => /^(one|four|at exit|shutdown step)/.test(line)))
      .toEqual(['one', 'shutdown step failed', 'shutdown step failed', 'four', 'at exit']);
    expect(code).toBe(0);
  }, 20_000);

  test('When a signal comes while the rest is loaded, then the steps run once there are some', async () => {
    const { code, output } = await run(`
      console.log('signal');
      for (const until = Date.now() + 1000; Date.now() < until;);
      shutdownOnSignal({ logger, atExit: () => console.log('at exit'), steps: [{ name: 'one', timeoutMs: 1000, run: async () => console.log('one') }] });`);
    expect(output).toMatch(/one[^]*at exit/);
    expect(code).toBe(0);
  }, 20_000);

  test('When a signal comes before there are steps, then the process ends at once with 0', async () => {
    expect((await run("console.log('signal');")).code).toBe(0);
  }, 20_000);

  test('When a second signal comes, then the process ends at once with 128 and its number', async () => {
    const { code, output } = await run(`
      shutdownOnSignal({ logger, atExit: () => console.log('at exit'), steps: [
        { name: 'slow', timeoutMs: 3000, run: async () => { console.log('signal'); await sleep(2000); } },
      ] });
      console.log('signal');`);
    expect(code).toBe(143);
    expect(output).not.toContain('at exit');
  }, 20_000);

  test.each([
    ['an error is thrown', 'setTimeout(() => { throw new Error("x"); }, 10)'],
    ['a promise is rejected', 'void Promise.reject(new Error("x"))'],
  ])('When %s that nobody catches, then it is logged and the exit code is 1', async (_what, code) => {
    expect(await run(`exitOnUncaught(logger); ${code};`)).toEqual({ code: 1, output: 'uncaught error, exiting\n' });
  }, 20_000);
});
