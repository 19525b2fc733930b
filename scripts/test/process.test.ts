import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { startChild, waitFor } from '../lib/process';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('child processes', () => {
  test('When a command writes to both outputs and ends, then its lines are logged and its exit code is known', async () => {
    const lines: string[] = [];
    const child = startChild({ command: 'sh', args: ['-c', 'echo out; echo err >&2; exit 3'], log: (line) => lines.push(line) });
    expect(await child.exited).toEqual({ code: 3, signal: null });
    expect(lines.sort()).toEqual(['err', 'out']);
    expect(child.running()).toBe(false);
  });

  test('When a command ignores SIGTERM, then stop kills it after the grace period', async () => {
    const lines: string[] = [];
    const child = startChild({
      command: process.execPath,
      args: ['-e', 'process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1000); console.log("up")'],
      log: (line) => lines.push(line),
    });
    await waitFor('the child', () => lines.includes('up'));
    expect(await child.stop(200)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(lines).toEqual(['up', 'no']);
  });

  test('When a command does not exist, then its end is an error exit', async () => {
    const child = startChild({ command: 'no-such-command', args: [], log: () => undefined });
    expect(await child.exited).toEqual({ code: 127, signal: null });
  });

  test('When a parent is killed, then its children end, even a stopped one', async () => {
    const code = `
      const { startChild } = require('./lib/process');
      const child = startChild({ command: 'sh', args: ['-c', 'echo up; exec sleep 60'], log: () => {
        child.signal('SIGSTOP');
        console.log(child.pid);
      } });
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ['--require', 'ts-node/register/transpile-only', '-e', code], {
      cwd: resolve(__dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((done) => parent.stdout.once('data', (data: Buffer) => { done(Number(data.toString())); }));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor('the child to end', () => !isAlive(pid), { timeoutMs: 4_000 });
  });
});
