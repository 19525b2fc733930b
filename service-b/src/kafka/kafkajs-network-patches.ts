import { KafkaJSConnectionError, KafkaJSRequestTimeoutError } from 'kafkajs';
import BrokerPool, { type InternalBroker } from 'kafkajs/src/cluster/brokerPool';
import { KafkaJSBrokerNotFound } from 'kafkajs/src/errors';
import Connection from 'kafkajs/src/network/connection';
import ConnectionPool from 'kafkajs/src/network/connectionPool';
import { noteProduceTries, tellEachPartition } from './kafkajs-produce-patches';

// KafkaJS 2.2.4 where a broker fails or a leader moves. Each patch says what it does without; docs/decisions/0021 has the whole.

/**
 * Requests that a broker answers only when replicas or other members have, in milliseconds by API key: Produce, OffsetCommit, SyncGroup.
 * JoinGroup has a time of its own; to the others `requestTimeout` applies.
 */
const PATIENCE_MS = new Map([[0, 6_000], [8, 6_000], [14, 10_000]]);
const JOIN_GROUP = 11;
const isPatient = (apiKey: number): boolean => apiKey === JOIN_GROUP || PATIENCE_MS.has(apiKey);
const SILENT_MS = 1_500;
const DISCONNECT_MS = 1_000;

/** An error after which KafkaJS looks for the leaders anew, which it does not after a time-out. */
const silent = ({ host, port }: Pick<Connection, 'host' | 'port'>): Error =>
  new KafkaJSConnectionError('The broker did not answer in time', { broker: `${host}:${port}` });

/**
 * A request that times out closes the connections to its broker, as other clients do. Without: a frozen broker stays "connected", and
 * every third look at the metadata goes to it and hangs, and its partitions are sent to it until it is back.
 */
const closeSilentConnections = (): void => {
  const send = ConnectionPool.prototype.send;
  ConnectionPool.prototype.send = async function sendOrClose(protocolRequest) {
    const patience = PATIENCE_MS.get(protocolRequest.request.apiKey);
    try {
      return await send.call(this, patience === undefined ? protocolRequest : { ...protocolRequest, requestTimeout: patience });
    } catch (error) {
      if (!(error instanceof KafkaJSRequestTimeoutError)) throw error;
      for (const connection of this.pool.filter((one) => one.isConnected())) {
        connection.rejectRequests(silent(connection));
        connection.socket?.destroy();
        void connection.disconnect();
      }
      throw silent(this);
    }
  };
};

/** Without: what was left of an answer when the last connection broke stands before the answers of the new one. */
const beginConnectionsEmpty = (): void => {
  const connect = Connection.prototype.connect;
  Connection.prototype.connect = function connectEmpty() {
    if (!this.isConnected()) Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: 4 });
    return connect.call(this);
  };
};

/** Without: with TLS a connection that is not made in time is kept until a frozen broker closes it, one more with each try. */
const dropFailedConnections = (): void => {
  const connect = Connection.prototype.connect;
  Connection.prototype.connect = async function connectOrDrop() {
    try {
      return await connect.call(this);
    } catch (error) {
      this.socket?.destroy();
      throw error;
    }
  };
};

/** Without: an exchange of SCRAM that a frozen broker left half done is begun again on the same connection, where it cannot succeed. */
const closeUnauthenticated = (): void => {
  const authenticate = Connection.prototype.authenticate;
  Connection.prototype.authenticate = async function authenticateOrClose() {
    try {
      await authenticate.call(this);
    } catch (error) {
      this.socket?.destroy();
      void this.disconnect();
      throw error instanceof KafkaJSRequestTimeoutError ? silent(this) : error;
    }
  };
};

/** Without: dropping a frozen broker from the metadata waits for its last answer, and every other broker's partitions wait too. */
const boundDisconnect = (): void => {
  const disconnect = Connection.prototype.disconnect;
  Connection.prototype.disconnect = async function disconnectInTime() {
    const cut = setTimeout(() => {
      this.rejectRequests(silent(this));
      this.socket?.destroy();
    }, DISCONNECT_MS);
    try {
      return await disconnect.call(this);
    } finally {
      clearTimeout(cut);
    }
  };
};

/** A broker with a request that should long have been answered. */
const isSilent = ({ connectionPool }: InternalBroker): boolean => connectionPool.pool.some(({ requestQueue }) =>
  [...requestQueue.inflight.values()].some(({ sentAt, entry }) =>
    !isPatient(entry.apiKey) && sentAt !== null && Date.now() - sentAt > SILENT_MS));

/** By chance among equals; those that are connected and answer come first, the silent ones last. */
const inGoodOrder = ({ brokers }: BrokerPool): string[] => Object.keys(brokers)
  .map((nodeId) => {
    const broker = brokers[nodeId]!;
    return { nodeId, place: (broker.isConnected() ? 0 : 1) + (isSilent(broker) ? 2 : 0) + Math.random() };
  })
  .sort((one, other) => one.place - other.place)
  .map(({ nodeId }) => nodeId);

/** Without: one dead or frozen broker, asked first by chance, ends the search for a coordinator, or holds up all metadata. */
const askWhoAnswers = (): void => {
  BrokerPool.prototype.withBroker = async function withAnyBroker(callback) {
    const order = inGoodOrder(this);
    if (order.length === 0) throw new KafkaJSBrokerNotFound('No brokers in the broker pool');
    for (const nodeId of order) {
      try {
        return await callback({ nodeId, broker: await this.findBroker({ nodeId }) });
      } catch {
        // The next one may know.
      }
    }
    return null;
  };
  BrokerPool.prototype.findConnectedBroker = async function findAnsweringBroker() {
    for (const nodeId of inGoodOrder(this)) {
      const broker = await this.findBroker({ nodeId }).catch(() => undefined);
      if (broker !== undefined) return broker;
    }
    // None of those that are known, so that all of them may have other addresses by now. An address whose connection has ended may be a
    // frozen broker's, which takes connections and answers nothing: the next one has its turn.
    if (this.seedBroker?.isConnected() === false) await this.createSeedBroker();
    await this.connect();
    return this.seedBroker;
  };
};

/** Without: a look at the metadata that is under way takes another broker for the one it began with, and numbers it wrong. */
const keepBrokersInPlace = (): void => {
  BrokerPool.prototype.removeBroker = function reconnectLater({ host, port }) {
    const gone = Object.values(this.brokers)
      .find(({ connectionPool }) => connectionPool.host === host && connectionPool.port === port);
    if (gone === undefined) return;
    void gone.disconnect();
    this.metadataExpireAt = null;
  };
};

let done = false;

/** Applies all of them to this process, once. */
export const patchNetwork = (): void => {
  if (done) return;
  done = true;
  closeSilentConnections();
  beginConnectionsEmpty();
  dropFailedConnections();
  closeUnauthenticated();
  boundDisconnect();
  askWhoAnswers();
  tellEachPartition();
  noteProduceTries();
  keepBrokersInPlace();
};
