import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** What does the same job in both services: a fix goes to both. What is in service-a's `board/` is in service-b's `page/`. */
const SAME = [
  'board/base.css',
  'board/dom.ts',
  'board/feed.ts',
  'board/format.ts',
  'board/http.ts',
  'board/patience.ts',
  'board/tsconfig.json',
  'src/config/files.ts',
  'src/config/registry.ts',
  'src/config/settings.ts',
  'src/kafka/access-watch.ts',
  'src/kafka/access.ts',
  'src/kafka/avro.ts',
  'src/kafka/avsc-patches.ts',
  'src/kafka/client.ts',
  'src/kafka/envelope-text.ts',
  'src/kafka/fetched.ts',
  'src/kafka/kafkajs-cluster.d.ts',
  'src/kafka/kafkajs-coordinator-patches.ts',
  'src/kafka/kafkajs-group-patches.ts',
  'src/kafka/kafkajs-internals.d.ts',
  'src/kafka/kafkajs-lag-patch.ts',
  'src/kafka/kafkajs-network-patches.ts',
  'src/kafka/kafkajs-patches.ts',
  'src/kafka/kafkajs-produce-patches.ts',
  'src/kafka/kafkajs-transaction-patch.ts',
  'src/kafka/lag.ts',
  'src/kafka/own-schema.ts',
  'src/kafka/partitioner.ts',
  'src/kafka/record-headers.ts',
  'src/kafka/registry-client.ts',
  'src/kafka/rights.ts',
  'src/kafka/schema-cache.ts',
  'src/kafka/schemas/orders-value.ts',
  'src/kafka/schemas/payments-value.ts',
  'src/kafka/security.ts',
  'src/kafka/send-failure.ts',
  'src/kafka/send-queue.ts',
  'src/kafka/sending.ts',
  'src/kafka/span-attributes.ts',
  'src/kafka/supervise.ts',
  'src/routes/access.ts',
  'src/routes/json-body.ts',
  'src/routes/static-page.ts',
  'src/utils/connection.ts',
  'src/utils/gate.ts',
  'src/utils/histogram.ts',
  'src/utils/logger.ts',
  'src/utils/meters.ts',
  'src/utils/murmur2.ts',
  'src/utils/otel.ts',
  'src/utils/progress.ts',
  'src/utils/refusal.ts',
  'src/utils/server.ts',
  'src/utils/shutdown.ts',
  'src/utils/stop-early.ts',
  'src/utils/timestamp.ts',
  'src/utils/tokens.ts',
  'src/utils/tracer.ts',
  'src/utils/tracing.ts',
  'src/utils/trail.ts',
  'src/utils/when-aborted.ts',
  'test/config/registry.test.ts',
  'test/config/settings.test.ts',
  'test/kafka/access-watch.test.ts',
  'test/kafka/access.test.ts',
  'test/kafka/avro.test.ts',
  'test/kafka/envelope-text.test.ts',
  'test/kafka/kafkajs-group-patches.test.ts',
  'test/kafka/kafkajs-lag-patch.test.ts',
  'test/kafka/kafkajs-network-patches.test.ts',
  'test/kafka/kafkajs-patches.test.ts',
  'test/kafka/kafkajs-transaction-patch.test.ts',
  'test/kafka/lag.test.ts',
  'test/kafka/partitioner.test.ts',
  'test/kafka/record-headers.test.ts',
  'test/kafka/registry-client.test.ts',
  'test/kafka/schema-cache.test.ts',
  'test/kafka/sending.test.ts',
  'test/kafka/supervise.test.ts',
  'test/support/access.ts',
  'test/support/certificate.ts',
  'test/support/clock.ts',
  'test/support/cluster.ts',
  'test/support/fakes.ts',
  'test/support/java-hashes.ts',
  'test/support/kafkajs-consumer.d.ts',
  'test/support/producer.ts',
  'test/support/registry.ts',
  'test/utils/histogram.test.ts',
  'test/utils/logger.test.ts',
  'test/utils/murmur2.test.ts',
  'test/utils/otel.test.ts',
  'test/utils/shutdown.test.ts',
  'test/utils/timestamp.test.ts',
  'test/utils/tracing.test.ts',
  'test/utils/trail.test.ts',
  'test/utils/when-aborted.test.ts',
  'tsconfig.build.json',
  'tsconfig.json',
];

const inA = (path: string): string => join(ROOT, 'service-a', path);
const inB = (path: string): string => join(ROOT, 'service-b', path.replace(/^board\//, 'page/'));
const isSame = (path: string): boolean => existsSync(inB(path)) && readFileSync(inA(path)).equals(readFileSync(inB(path)));

describe('12 what lies in both services', () => {
  test.each(SAME)('When %s is read, then it is the same to the byte in both', (path) => {
    expect(isSame(path)).toBe(true);
  });

  test('When a file is the same in both, then it is in the list, so that it stays so', () => {
    const ofA = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: join(ROOT, 'service-a'), encoding: 'utf8' });
    expect(ofA.trim().split('\n').filter((path) => existsSync(inA(path)) && isSame(path)).sort()).toEqual([...SAME].sort());
  });
});
