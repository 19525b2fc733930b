import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const inKafka = (file: string): string => resolve(__dirname, '../../kafka', file);

/** What a script of kafka/ gives the process in its container of these facts. */
const derivedBy = (script: string) => (facts: Record<string, string>): Record<string, string> => Object.fromEntries(
  execFileSync('bash', [inKafka(script), 'env'], { env: { PATH: process.env['PATH'], ...facts }, encoding: 'utf8' })
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);
const derived = derivedBy('start.sh');

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

  describe('of a secure system', () => {
    const secrets = mkdtempSync(join(tmpdir(), 'start-sh-'));
    afterAll(() => rmSync(secrets, { recursive: true }));
    const secured = (facts: Record<string, string>): Record<string, string> => {
      for (const name of facts['BROKER_NODES']!.split(',')) writeFileSync(join(secrets, `${name}.pem`), '');
      return derived({ SECURITY: inKafka('secure.env'), SECRETS: secrets, ...facts });
    };

    it('When it is the only one, then what brokers talk by is nobody else\'s to reach', () => {
      expect(secured({ BROKER_NODES: 'kafka', KAFKA_NODE_ID: '1' })).toMatchObject({
        KAFKA_LISTENERS: 'CLIENT://0.0.0.0:9092,HOST://0.0.0.0:29092,CONTROLLER://localhost:9093,BROKER://localhost:9095',
        KAFKA_ADVERTISED_LISTENERS: 'CLIENT://kafka:9092,HOST://127.0.0.1:29092,BROKER://localhost:9095',
        KAFKA_SSL_KEYSTORE_LOCATION: `${secrets}/kafka.pem`,
        KAFKA_SSL_TRUSTSTORE_LOCATION: `${secrets}/ca.pem`,
      });
    });

    it('When it is the second of three, then it shows the certificate of its own name, and no listener is plain', () => {
      const { KAFKA_LISTENERS, KAFKA_ADVERTISED_LISTENERS, KAFKA_SSL_KEYSTORE_LOCATION, KAFKA_LISTENER_SECURITY_PROTOCOL_MAP } =
        secured({ BROKER_NODES: 'kafka,kafka-2,kafka-3', KAFKA_NODE_ID: '2' });
      expect(KAFKA_ADVERTISED_LISTENERS).toBe('CLIENT://kafka-2:9092,HOST://127.0.0.1:29093,BROKER://kafka-2:9095');
      expect(KAFKA_SSL_KEYSTORE_LOCATION).toBe(`${secrets}/kafka-2.pem`);
      const protocols = new Map(KAFKA_LISTENER_SECURITY_PROTOCOL_MAP!.split(',').map((entry) => entry.split(':') as [string, string]));
      const names = KAFKA_LISTENERS!.split(',').map((listener) => listener.split('://')[0]!);
      expect(names.map((name) => [name, protocols.get(name)])).toEqual([['CLIENT', 'SASL_SSL'], ['HOST', 'SASL_SSL'], ['CONTROLLER', 'SSL'], ['BROKER', 'SSL']]);
    });
  });
});

describe('a schema registry in a container', () => {
  const registry = derivedBy('start-registry.sh');
  const folder = mkdtempSync(join(tmpdir(), 'start-registry-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('When there is one broker, then it asks that one, and its topic has one replica', () => {
    const facts = registry({ BROKERS: inKafka('broker.env'), SECURITY: inKafka('plain.env') });
    expect(facts).toMatchObject({
      SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'kafka:9092', SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR: '1',
    });
    expect(facts).not.toHaveProperty('SCHEMA_REGISTRY_KAFKASTORE_SECURITY_PROTOCOL');
  });

  it('When there are three secure ones, then it asks all, comes in with its password, and its topic has three replicas', () => {
    const client = join(folder, 'client.properties');
    const jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="registry" password="x=y";';
    writeFileSync(client, `security.protocol=SASL_SSL\nsasl.jaas.config=${jaas}\n`);
    expect(registry({ BROKERS: inKafka('cluster.env'), SECURITY: inKafka('secure.env'), CLIENT: client })).toMatchObject({
      SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'kafka:9092,kafka-2:9092,kafka-3:9092',
      SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR: '3',
      SCHEMA_REGISTRY_KAFKASTORE_SECURITY_PROTOCOL: 'SASL_SSL',
      SCHEMA_REGISTRY_KAFKASTORE_SASL_JAAS_CONFIG: jaas,
    });
  });
});
