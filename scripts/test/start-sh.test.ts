import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** What kafka/start.sh gives the broker of these facts. */
const derived = (facts: Record<string, string>): Record<string, string> => Object.fromEntries(
  execFileSync('bash', [resolve(__dirname, '../../kafka/start.sh'), 'env'], { env: { PATH: process.env['PATH'], ...facts }, encoding: 'utf8' })
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

describe('addresses of a broker in a container', () => {
  it('When it is the only one, then its controller is nobody else\'s to reach', () => {
    expect(derived({ BROKER_NODES: 'kafka', KAFKA_NODE_ID: '1' })).toMatchObject({
      KAFKA_LISTENERS: 'CLIENT://0.0.0.0:9092,HOST://0.0.0.0:29092,CONTROLLER://localhost:9093',
      KAFKA_ADVERTISED_LISTENERS: 'CLIENT://kafka:9092,HOST://127.0.0.1:29092',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    });
  });

  it('When it is the second of three, then it has a name and a port of its own, and all are voters', () => {
    expect(derived({ BROKER_NODES: 'kafka,kafka-2,kafka-3', KAFKA_NODE_ID: '2' })).toMatchObject({
      KAFKA_LISTENERS: 'CLIENT://0.0.0.0:9092,HOST://0.0.0.0:29093,CONTROLLER://0.0.0.0:9093',
      KAFKA_ADVERTISED_LISTENERS: 'CLIENT://kafka-2:9092,HOST://127.0.0.1:29093',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093',
    });
  });
});
