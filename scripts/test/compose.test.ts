import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// What the engine makes of it is looked at in .ci/compose, with both Compose versions.
const read = (path: string): string => readFileSync(join(__dirname, '../..', path), 'utf8');

/** The lines that hold for a service: its own, and those of the fragment that it merges. */
const linesOf = (text: string, service: string): string => {
  const parts = text.split(/^(?= {2}\S|\S)/m);
  const own = parts.find((part) => part.startsWith(`  ${service}:`)) ?? '';
  const fragment = /<<: \*(\S+)/.exec(own)?.[1];
  return text.split(/^(?=\S)/m).filter((part) => fragment !== undefined && part.includes(`: &${fragment}\n`)).join('') + own;
};

const overlay = ['prometheus', 'grafana', 'loki', 'alloy', 'jaeger'];
const all = [
  ...['kafka', 'service-a', 'service-b'].map((service) => ['docker-compose.yml', service] as const),
  ...overlay.map((service) => ['docker-compose.observability.yml', service] as const),
  ['docker-compose.registry.yml', 'schema-registry'] as const,
];

describe('12.23 containers', () => {
  test.each(all)('When %s starts %s, then it has bounds, gains no privileges, and comes back unless it was stopped', (file, service) => {
    const lines = linesOf(read(file), service);
    expect(['mem_limit: ', 'pids_limit: ', 'no-new-privileges:true', 'restart: unless-stopped'].filter((line) => !lines.includes(line))).toEqual([]);
    expect(lines).not.toContain('on-failure');
    if (service !== 'alloy') expect(lines).toContain('cap_drop: [ALL]');
  });

  test('When the broker starts, then its heap fits into its memory, and it has enough files', () => {
    const kafka = linesOf(read('docker-compose.yml'), 'kafka');
    const heapMb = Number(/-Xmx(\d+)m/.exec(read('kafka/broker.env'))?.[1]);
    const limitMb = 1_024 * Number(/mem_limit: (\d+)g/.exec(kafka)?.[1]);
    expect(heapMb).toBeLessThanOrEqual(limitMb / 2);
    expect(kafka).toContain('nofile: { soft: 16384, hard: 16384 }');
  });
});
