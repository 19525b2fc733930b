import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
type Report = { summary: { violations: { from: string; to: string; rule: { name: string } }[] } };

/** What the lint rule says of a tree. */
const faultsIn = (root: string): string[] => {
  const args = [CRUISER, '--config', join(ROOT, '.dependency-cruiser.cjs'), '--output-type', 'json', 'service-a/src', 'service-b/src'];
  const { summary } = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1e8 })) as Report;
  return summary.violations.map(({ from, to, rule }) => `${rule.name}: ${from} -> ${to}`).sort();
};

/** Each import that must not be: the rule that it breaks, who imports, and what. */
const BROKEN = [
  ['no-circle', 'kafka/one', '../kafka/other'],
  ['utils-know-utils-alone', 'utils/counter', '../processors/order'],
  ['processors-know-no-edge', 'processors/decide', 'kafkajs'],
  ['processors-know-no-edge', 'processors/fold', '../kafka/messages'],
  ['processors-know-no-edge', 'processors/place', '../store/memory'],
  ['processors-know-no-edge', 'processors/list', '../routes/orders'],
  ['processors-know-no-edge', 'processors/wait', '../utils/logger'],
  ['kafka-knows-no-other-edge', 'kafka/consumer', '../routes/orders'],
  ['kafka-knows-no-other-edge', 'kafka/projector', '../store/memory'],
  ['store-knows-no-other-edge', 'store/log', '../kafka/messages'],
  ['routes-know-no-other-edge', 'routes/request', '../kafka/messages'],
  ['routes-know-no-other-edge', 'routes/list', '../store/memory'],
  ['nobody-knows-the-whole', 'routes/health', '../index'],
] as const;
const SOUND = ['index', 'utils/logger', 'processors/order', 'kafka/messages', 'store/memory', 'routes/orders'];

/** A small house in which each of them is broken once, by the import of a type. */
const brokenHouse = (): string => {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  for (const file of SOUND) write(`service-a/src/${file}.ts`, 'export type T = 1;\n');
  for (const [, from, to] of BROKEN) write(`service-a/src/${from}.ts`, `import type { T } from '${to}';\nexport type { T };\n`);
  write('service-a/src/kafka/other.ts', "import type { T } from './one';\nexport type { T };\n");
  write('service-b/src/index.ts', 'export {};\n');
  write('node_modules/kafkajs/package.json', '{ "name": "kafkajs", "main": "index.js" }');
  write('node_modules/kafkajs/index.js', '');
  write('package.json', '{ "dependencies": { "kafkajs": "1" } }');
  return root;
};

describe('dependencies point inward', () => {
  test('When both services are looked at, then none of their imports breaks a rule', () => {
    expect(faultsIn(ROOT)).toEqual([]);
  });

  test('When imports break the rules, if only for a type, then each of them is told', () => {
    const root = brokenHouse();
    try {
      const pathOf = (to: string): string => (to === 'kafkajs' ? 'node_modules/kafkajs/index.js' : `service-a/src/${to.replace('../', '')}.ts`);
      expect(faultsIn(root)).toEqual(BROKEN.map(([rule, from, to]) => `${rule}: service-a/src/${from}.ts -> ${pathOf(to)}`).sort());
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
