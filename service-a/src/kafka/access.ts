import { connect as connectTls } from 'node:tls';
import Broker from 'kafkajs/src/broker';
import ConnectionPool from 'kafkajs/src/network/connectionPool';
import { patchKafkaJs, TIMEOUTS } from './client';
import { rightsRequest, tellsRights, type Operation, type Rights } from './rights';
import { connectionOptions, readCa, readPassword, type Security } from './security';

/** What whoever comes in has to be allowed to do: to read and to write topics, to join groups, and to see what others have committed. */
export type Needs = Readonly<Record<Operation, readonly string[]>> & {
  readonly groups: readonly string[];
  readonly groupsSeen?: readonly string[];
};

/** What the broker, or a file, stands in the way of: `operation` on `resource`. */
export type Fault = { operation: string; resource: string; reason: string; remedy: string };

/** @returns what is refused; undefined when no broker could be asked, and it is not known */
export type Look = () => Promise<Fault[] | undefined>;

const TOPIC_AUTHORIZATION_FAILED = 29;
const NO_SUCH_RIGHT = 'no right to it';
const GRANT = 'grant it: a line in kafka/acls.conf, then kafka/access.sh';

const silent = { namespace: () => silent, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** One broker, over a connection of its own that is not made yet. */
export const brokerAt = (address: string, clientId: string, security: Security): Broker => {
  patchKafkaJs();
  const [host = '', port] = address.split(':');
  const options = { host, port: Number(port), clientId, ...connectionOptions(security), ...TIMEOUTS, logger: silent };
  return new Broker({ connectionPool: new ConnectionPool(options), logger: silent });
};

const field = (error: Error, name: 'type' | 'code'): string =>
  (name in error ? String((error as Error & Record<typeof name, unknown>)[name]) : '');

/** Reads a file that is about to be needed. */
const fileFault = (path: string, read: (path: string) => string): Fault[] => {
  try {
    read(path);
    return [];
  } catch (error) {
    const reason = field(error as Error, 'code') || 'unknown';
    return [{ operation: 'Read', resource: `file ${path}`, reason, remedy: 'put it there, and let this process read it' }];
  }
};

/** Whether the other side takes up a TLS handshake, whatever its certificate. */
const speaksTls = (address: string): Promise<boolean> => new Promise((resolve) => {
  const [host = '', port] = address.split(':');
  const end = (spoken: boolean): void => {
    socket.destroy();
    resolve(spoken);
  };
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false, timeout: TIMEOUTS.connectionTimeout }, () => end(true));
  socket.on('error', () => end(false)).on('timeout', () => end(false));
});

/** Whether the other side answers without TLS. */
const speaksPlain = async (address: string, clientId: string): Promise<boolean> => {
  const broker = brokerAt(address, clientId, { caFile: undefined, credentials: undefined });
  try {
    await broker.connect();
    return true;
  } catch {
    return false;
  } finally {
    await broker.disconnect().catch(() => undefined);
  }
};

/** What to do about an error in connecting, by what Node, OpenSSL or Kafka call it; the first that fits. */
const REMEDIES: readonly [called: RegExp, operation: 'Connect' | 'Authenticate', remedy: string][] = [
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'Connect', 'the certificate of the broker must be for the name that it is reached by'],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'Connect', 'renew the certificate of the broker, or set the clock'],
  [/_ALERT_/, 'Connect', 'take the port for clients: at this one the broker wants a certificate'],
  [/CERT|SIGNATURE|ISSUER/, 'Connect', 'KAFKA_SSL_CA_FILE must hold the CA that the certificate of the broker is from'],
  [/^UNSUPPORTED_SASL_MECHANISM$/, 'Authenticate', 'the broker must take SCRAM-SHA-512 there'],
  [/^ILLEGAL_SASL_STATE$/, 'Authenticate', 'take a port with SASL, or leave KAFKA_SASL_USERNAME out'],
  [/^KafkaJSSASLAuthenticationError$/, 'Authenticate', 'the user must exist at the broker, with the password that the file holds'],
];

/**
 * Finds out whether the broker lets somebody in with these settings, and what it will not let them do: by connecting to each broker once,
 * and asking one of them for rights. Nothing is written, read or joined. KafkaJS's own errors do not tell: they name no topic, and of a
 * group that may not be used they say that its coordinator was not found.
 */
export const createLook = ({ brokers: bootstrap, clientId, security, needs }: {
  brokers: readonly string[];
  clientId: string;
  security: Security;
  needs: Needs;
}): Look => {
  const { caFile, credentials } = security;

  /** @returns why nobody comes in there with these settings; undefined if that may be for want of a broker */
  const refusalOf = async (error: Error, address: string, connected: boolean): Promise<Fault | undefined> => {
    const resource = `broker ${address}`;
    const names = [field(error, 'type'), field(error, 'code'), error.name];
    const known = REMEDIES.find(([called]) => names.some((name) => called.test(name)));
    if (known !== undefined) return { operation: known[1], resource, reason: error.message, remedy: known[2] };
    if (connected && credentials === undefined && error.name === 'KafkaJSConnectionClosedError') {
      const remedy = 'set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE';
      return { operation: 'Authenticate', resource, reason: 'the broker answers nobody without a password there', remedy };
    }
    if (caFile === undefined && await speaksTls(address)) {
      return { operation: 'Connect', resource, reason: 'the broker speaks TLS there', remedy: 'set KAFKA_SSL_CA_FILE' };
    }
    if (caFile !== undefined && await speaksPlain(address, clientId)) {
      const remedy = 'take a port with TLS, or leave KAFKA_SSL_CA_FILE out';
      return { operation: 'Connect', resource, reason: 'the broker does not speak TLS there', remedy };
    }
    return undefined;
  };

  const missingOf = ({ topics }: Rights): Fault[] => (['Read', 'Write'] as const).flatMap((operation) => needs[operation]
    .filter((name) => topics.some(({ topic, errorCode, may }) =>
      topic === name && (errorCode === TOPIC_AUTHORIZATION_FAILED || (errorCode === 0 && !may(operation)))))
    .map((name) => ({ operation, resource: `topic ${name}`, reason: NO_SUCH_RIGHT, remedy: GRANT })));

  const isGroupRefused = async (broker: Broker, operation: 'Read' | 'Describe', groupId: string): Promise<boolean> => {
    try {
      // The heartbeat of nobody is refused with or without the right, for another reason with it.
      if (operation === 'Read') await broker.heartbeat({ groupId, groupGenerationId: -1, memberId: '' });
      else await broker.findGroupCoordinator({ groupId });
      return false;
    } catch (error) {
      return error instanceof Error && field(error, 'type') === 'GROUP_AUTHORIZATION_FAILED';
    }
  };

  const rightsAt = async (broker: Broker): Promise<{ brokers: string[]; faults: Fault[] }> => {
    if (!tellsRights(broker.versions)) return { brokers: [], faults: [] };
    const rights = await broker.connectionPool.send(rightsRequest([...new Set([...needs.Read, ...needs.Write])])) as Rights;
    const faults = missingOf(rights);
    for (const [operation, groups] of [['Read', needs.groups], ['Describe', needs.groupsSeen ?? []]] as const) {
      for (const groupId of groups) {
        if (!await isGroupRefused(broker, operation, groupId)) continue;
        faults.push({ operation, resource: `group ${groupId}`, reason: NO_SUCH_RIGHT, remedy: GRANT });
      }
    }
    return { brokers: rights.brokers, faults };
  };

  return async () => {
    const files = [
      ...caFile === undefined ? [] : fileFault(caFile, readCa),
      ...credentials === undefined ? [] : fileFault(credentials.passwordFile, readPassword),
    ];
    if (files.length > 0) return files;
    const addresses = new Set(bootstrap);
    const refusals: Fault[] = [];
    let missing: Fault[] | undefined;
    // Those that the first answer names are looked at too: clients are sent there.
    for (const address of addresses) {
      const broker = brokerAt(address, clientId, security);
      let connected = false;
      try {
        await broker.connect();
        connected = true;
        if (missing !== undefined) continue;
        const { brokers, faults } = await rightsAt(broker);
        for (const one of brokers) addresses.add(one);
        missing = faults;
      } catch (error) {
        const refusal = await refusalOf(error as Error, address, connected);
        if (refusal !== undefined) refusals.push(refusal);
        // One user has one password at all brokers.
        if (refusal?.operation === 'Authenticate') break;
      } finally {
        await broker.disconnect().catch(() => undefined);
      }
    }
    return missing === undefined && refusals.length === 0 ? undefined : [...refusals, ...missing ?? []];
  };
};

/** How the broker calls whoever comes in. */
export const principalOf = ({ credentials }: Security): string => `User:${credentials?.username ?? 'ANONYMOUS'}`;

/** What is refused, in a line for people at a terminal; undefined if nothing is, as far as is known. */
export const refusalSeen = async (look: Look, security: Security): Promise<Error | undefined> => {
  const faults = await look() ?? [];
  const said = faults.map(({ operation, resource, reason, remedy }) =>
    `${principalOf(security)} may not ${operation} ${resource}: ${reason}; ${remedy}`);
  return said.length === 0 ? undefined : new Error(said.join('. '));
};
