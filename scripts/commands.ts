// Runs what the pages tell to run: npx ts-node scripts/commands.ts NEED [PAGE…]. NEED is what there is to run it against, by the names in
// scripts/lib/commands.ts; the walks in .ci call it when that is healthy. Pages: README.md, CONTRIBUTING.md and docs/, or those named.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, faultOf, NEEDS, pagesOf, scriptFor } from './lib/commands';
import { runScript } from './lib/run-script';

const ROOT = join(__dirname, '..');
/** A page that hangs is ended. */
const PAGE_TIMEOUT_MS = 300_000;

const runPage = (script: string): boolean => {
  const { status, output } = spawnSync('bash', ['-c', `exec 2>&1; ${script}`], {
    cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: PAGE_TIMEOUT_MS, maxBuffer: 64 << 20,
  });
  if (status !== 0) console.log(output.join('').split('\n').slice(-60).map((line) => `    ${line}`).join('\n'));
  return status === 0;
};

runScript(async () => {
  const [need, ...named] = process.argv.slice(2);
  if (need === undefined || !NEEDS.includes(need)) throw new Error(`usage: scripts/commands.ts ${NEEDS.join('|')} [PAGE…]`);
  const pages = named.length > 0 ? named : pagesOf(ROOT);
  let failed = 0;
  for (const page of pages) {
    const blocks = blocksOf(page, readFileSync(join(ROOT, page), 'utf8'));
    const fault = blocks.map(faultOf).find((found) => found !== undefined);
    if (fault !== undefined) throw new Error(fault);
    const script = scriptFor(blocks, need);
    if (script === undefined) continue;
    const started = Date.now();
    const ok = runPage(script);
    if (!ok) failed++;
    const count = blocks.filter((block) => block.need === need).length;
    console.log(`${ok ? 'ok' : 'not ok'} ${count} blocks of ${page} on ${need} (${Math.round((Date.now() - started) / 1000)} s)`);
  }
  return failed === 0 ? 0 : 1;
});
