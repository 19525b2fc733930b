import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

test('When a request of KafkaJS\'s idempotent producer fails, then the next batch has its sequence number, which is why it is not used', () => {
  const output = execFileSync(process.execPath, [join(__dirname, '../kafkajs-sequence.js')], { encoding: 'utf8' });
  expect(output).toBe('sequence 0: A\nconnection lost\nsequence 0: B\n');
});
