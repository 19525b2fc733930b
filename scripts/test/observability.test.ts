import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// Rules and dashboard only say something about metrics that the services have: what they name is compared with what these define.
const ROOT = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1]!);

const definitions = ['service-a/src/utils/meters.ts', 'service-a/src/metrics.ts', 'service-b/src/metrics.ts'].map(read).join('\n');
const rules = read('observability/prometheus/rules.yml');
const compose = read('docker-compose.observability.yml');

type Target = { expr: string; datasource: { uid: string } };
type Panel = { id: number; title: string; type: string; datasource?: { uid: string }; targets?: Target[] };
const dashboard = JSON.parse(read('observability/grafana/dashboards/orders.json')) as { panels: Panel[] };
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
const panelQueries = targets.filter((target) => target.datasource.uid === 'prometheus').map((target) => target.expr);
const ruleQueries = matches(rules, /^ {8}expr: ((?:.|\n {9})*)/gm);
const recorded = matches(rules, /record: (\S+)/g);
const alerts = matches(rules, /alert: (\S+)/g);

const metrics = matches(definitions, /(?:name: |gauge\(|counter\()'([a-z_]+)'/g);
const defined = new Set([
  ...metrics.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  ...recorded,
  'up', 'ALERTS',
]);
const OF_THE_PROCESS = /^(process|nodejs)_/;

/** The metrics a PromQL expression names: what is left without strings, labels, functions, durations and keywords. */
const metricsOf = (query: string): string[] => query
  .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
  .replace(/\b(by|without|on|ignoring|group_left|group_right) \([^)]*\)/g, ' ')
  .replace(/\boffset \w+/g, ' ')
  .match(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)
  ?.filter((word) => !['and', 'or', 'unless', 'bool', 'by', 'on'].includes(word)) ?? [];

describe('what is watched', () => {
  test.each([
    ['sum by (le, job) (rate(a_bucket{x="y_z"}[5m])) / on () group_left () b:c:d', ['a_bucket', 'b:c:d']],
    ['min_over_time(a[5m]) >= max_over_time(a[5m] offset 5m) > 0 or b unless sum(c) == 2', ['a', 'a', 'b', 'c']],
  ])('When the metrics of %s are asked for, then they are %j', (query, names) => {
    expect(metricsOf(query)).toEqual(names);
  });

  test('When a rule or a panel names a metric, then a service defines it', () => {
    expect(ruleQueries).toHaveLength(recorded.length + alerts.length);
    const named = [...ruleQueries, ...panelQueries].flatMap(metricsOf);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !defined.has(name) && !OF_THE_PROCESS.test(name))).toEqual([]);
  });

  test('When a service defines a metric, then a panel or a rule shows it', () => {
    const named = new Set([...ruleQueries, ...panelQueries].flatMap(metricsOf).map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    expect(metrics.length).toBeGreaterThan(20);
    expect(metrics.filter((name) => !named.has(name))).toEqual([]);
  });

  test('When an alert fires, then its runbook is there, and there is no other', () => {
    expect(matches(rules, /runbook_url: docs\/runbooks\/(\S+)\.md/g)).toEqual(alerts);
    expect(readdirSync(join(ROOT, 'docs/runbooks')).sort()).toEqual(alerts.map((alert) => `${alert}.md`).sort());
    expect(alerts.filter((alert) => !read('observability/prometheus/rules.test.yml').includes(`alertname: ${alert}`))).toEqual([]);
  });

  test('When the dashboard is read, then its panels have ids of their own and ask data sources that are provisioned', () => {
    const ids = dashboard.panels.map((panel) => panel.id);
    expect(new Set(ids).size).toBe(ids.length);
    const provisioned = matches(read('observability/grafana/provisioning/datasources/datasources.yml'), /^ {4}uid: (\S+)/gm);
    expect(provisioned).toEqual(expect.arrayContaining(targets.map((target) => target.datasource.uid)));
  });

  test('When the overlay is read, then its images are pinned, its ports are on loopback, and the files it mounts are there', () => {
    const images = matches(compose, /image: (\S+)/g);
    expect(images.filter((image) => !/:v?\d+\.\d+\.\d+$/.test(image))).toEqual([]);
    expect(matches(compose, /ports: \["([^"]+)"/g).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(matches(compose, /- \.\/([^:\s]+):/g).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(matches(compose, /(mem_limit): \d+m/g)).toHaveLength(images.length);
  });
});
