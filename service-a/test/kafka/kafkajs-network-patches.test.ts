import { createServer, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { KafkaJSRequestTimeoutError } from 'kafkajs';
import BrokerPool, { type InternalBroker } from 'kafkajs/src/cluster/brokerPool';
import Connection from 'kafkajs/src/network/connection';
import ConnectionPool from 'kafkajs/src/network/connectionPool';
import produceV7 from 'kafkajs/src/protocol/requests/produce/v7/response';
import { patchNetwork } from '../../src/kafka/kafkajs-network-patches';

beforeAll(patchNetwork);

/** One of KafkaJS's own, with no more in it than what is asked of it here. */
const bare = <T extends object>(of: { prototype: T }, fields: object): T => Object.assign(Object.create(of.prototype) as T, fields);
const ignored = (): void => undefined;

const METADATA = 3;
const PRODUCE = 0;

describe('13 a request that is not answered in time', () => {
  const aPool = (send: (request: { requestTimeout?: number }) => Promise<unknown>) => {
    const told: string[] = [];
    const aConnection = (name: string, isConnected: boolean) => ({
      host: 'kafka', port: 9092, isConnected: () => isConnected, send,
      rejectRequests: () => told.push(`${name}: requests rejected`),
      socket: { destroy: () => told.push(`${name}: socket destroyed`) },
      disconnect: async () => told.push(`${name}: disconnected`),
    });
    const pool = [aConnection('first', true), aConnection('second', false)];
    return { told, connections: bare(ConnectionPool, { host: 'kafka', port: 9092, pool, getConnectionByRequest: async () => pool[0] }) };
  };

  test('When a broker is silent, then its connections are closed, and the error is one after which the leaders are looked for', async () => {
    const { told, connections } = aPool(async () => {
      throw new KafkaJSRequestTimeoutError(new Error('no answer'), { broker: 'kafka:9092' } as never);
    });
    await expect(connections.send({ request: { apiKey: METADATA } })).rejects.toMatchObject({ name: 'KafkaJSConnectionError' });
    expect(told).toEqual(['first: requests rejected', 'first: socket destroyed', 'first: disconnected']);
  });

  test('When the answer depends on replicas, then there is more time for it', async () => {
    const { connections } = aPool(async ({ requestTimeout }) => requestTimeout);
    expect(await connections.send({ request: { apiKey: PRODUCE } })).toBe(6_000);
    expect(await connections.send({ request: { apiKey: METADATA } })).toBeUndefined();
  });

  test('When a connection with such a request is given up, then that takes a second', async () => {
    jest.useFakeTimers();
    let reject = ignored;
    const pending = new Promise<void>((resolve) => { reject = resolve; });
    const connection = bare(Connection, {
      logDebug: ignored, rejectRequests: () => reject(), requestQueue: { waitForPendingRequests: () => pending, destroy: ignored },
    });
    const disconnected = connection.disconnect();
    await jest.advanceTimersByTimeAsync(1_000);
    jest.useRealTimers();
    expect(await Promise.race([disconnected, Promise.resolve('still waiting')])).toBe(true);
  });
});

test('13 When a connection is made anew, then nothing of the answers of the last one is left', async () => {
  const connection = bare(Connection, {
    chunks: [Buffer.from('half an answer')], bytesBuffered: 14, bytesNeeded: 100, connectionTimeout: 1, logDebug: ignored,
    socketFactory: () => { throw new Error('no network'); },
  });
  await expect(connection.connect()).rejects.toThrow('no network');
  expect(connection).toMatchObject({ chunks: [], bytesBuffered: 0, bytesNeeded: 4 });
});

test('16 When a TLS handshake is not answered in time, then nothing of the connection is left', async () => {
  // As a frozen process: the connection is taken, and neither answered nor closed.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const log = { namespace: () => log, debug: ignored, info: ignored, warn: ignored, error: ignored };
  const { pool: [connection] } = new ConnectionPool({
    host: '127.0.0.1', port: (server.address() as AddressInfo).port, clientId: 'test', connectionTimeout: 50, requestTimeout: 50, logger: log, ssl: true,
    socketFactory: ({ host, port, onConnect }) => connectTls({ host, port }, onConnect),
  });
  try {
    await expect(connection!.connect()).rejects.toThrow('Connection timeout');
    expect(connection!.socket).toMatchObject({ destroyed: true });
  } finally {
    server.close();
  }
});

describe('13 somebody is asked of the cluster', () => {
  const aBroker = (isConnected: boolean, sentAt?: number): InternalBroker => {
    const inflight = new Map(sentAt === undefined ? [] : [[1, { sentAt, entry: { apiKey: METADATA } }]]);
    const connectionPool = bare(ConnectionPool, { pool: [{ requestQueue: { inflight } }] });
    return { isConnected: () => isConnected, disconnect: async () => undefined, connectionPool };
  };
  const aPool = (brokers: Record<string, InternalBroker>, dead?: string) => bare(BrokerPool, {
    brokers,
    findBroker: async ({ nodeId }: { nodeId: string }) => {
      if (nodeId === dead) throw new Error('connect ECONNREFUSED');
      return brokers[nodeId];
    },
  });

  test('When one broker is dead, then another one is asked, whichever comes first', async () => {
    const brokers = aPool({ 1: aBroker(true), 2: aBroker(true) }, '1');
    for (let time = 0; time < 20; time += 1) expect(await brokers.withBroker(async ({ nodeId }) => nodeId)).toBe('2');
  });

  test('When one broker has not answered for long, then one that is not connected yet comes before it', async () => {
    const [silent, other] = [aBroker(true, Date.now() - 2_000), aBroker(false)];
    const brokers = aPool({ 1: silent, 2: other });
    for (let time = 0; time < 20; time += 1) expect(await brokers.findConnectedBroker()).toBe(other);
  });

  test('When no broker is known yet and the first address has fallen silent, then another one is asked', async () => {
    const [silent, other] = [aBroker(false), aBroker(true)];
    const brokers = bare(BrokerPool, {
      brokers: {}, seedBroker: silent, connect: async () => undefined,
      createSeedBroker: async () => { Object.assign(brokers, { seedBroker: other }); },
    });
    expect(await brokers.findConnectedBroker()).toBe(other);
  });
});

test('13 When a broker closes its connection while the metadata is looked up, then each broker keeps its own number', async () => {
  const addresses = [1, 2].map((nodeId) => ({ nodeId, host: `kafka-${nodeId}`, port: 9092 }));
  const [first, second] = addresses.map((address) => ({
    nodeId: address.nodeId, connectionPool: address, disconnect: async () => undefined,
    metadata: async () => {
      // As a producer does that had asked the first one.
      pool.removeBroker(addresses[0]!);
      return { brokers: addresses };
    },
  }));
  const pool = bare(BrokerPool, {
    brokers: { 1: first, 2: second }, seedBroker: first, findConnectedBroker: async () => second,
    retrier: (look: (bail: (error: Error) => void) => Promise<void>) => look((error) => { throw error; }),
  }) as BrokerPool & { refreshMetadata(topics: string[]): Promise<void> };
  await pool.refreshMetadata(['orders']);
  expect(pool.brokers).toMatchObject({
    1: { nodeId: 1, connectionPool: { host: 'kafka-1' } },
    2: { nodeId: 2, connectionPool: { host: 'kafka-2' } },
  });
});

test('13 When a partition of a produce request is refused, then the error tells what became of each', async () => {
  const partitions = [{ partition: 0, errorCode: 0, baseOffset: '7' }, { partition: 1, errorCode: 6, baseOffset: '-1' }];
  await expect(produceV7.parse({ topics: [{ topicName: 'orders', partitions }] }))
    .rejects.toMatchObject({ type: 'NOT_LEADER_FOR_PARTITION', answers: partitions });
});
