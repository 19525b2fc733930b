import { readFileSync } from 'node:fs';
import { isIP, connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { KafkaJSConnectionError, KafkaJSRequestTimeoutError, type AuthenticationProviderArgs, type ISocketFactory, type Mechanism } from 'kafkajs';
import scram512 from 'kafkajs/src/broker/saslAuthenticator/scram512';

export type Credentials = { username: string; passwordFile: string };

/** How to come in at the broker: with TLS if there is a CA, with a password if there is a user. Files are read anew each time. */
export type Security = { caFile: string | undefined; credentials: Credentials | undefined };

export const readCa = (file: string): string => readFileSync(file, 'utf8');

/** Editors and `echo` end a file with a line break. */
export const readPassword = (file: string): string => readFileSync(file, 'utf8').replace(/\r?\n$/, '');

/**
 * Small requests must not wait for Nagle's algorithm. With TLS the name that is asked for is told, and the certificate has to be for it. A
 * CA that was exchanged counts from the next connection on.
 */
const socketFactoryOf = ({ caFile }: Security): ISocketFactory => ({ host, port, onConnect }) => {
  const socket = caFile === undefined
    ? connectPlain({ host, port }, onConnect)
    : connectTls({ host, port, ca: readCa(caFile), ...(isIP(host) === 0 && { servername: host }) }, onConnect);
  return socket.setKeepAlive(true, 60_000).setNoDelay(true);
};

/** Nothing was said about the password: the connection broke meanwhile. */
const isCutOff = (error: unknown): boolean => error instanceof KafkaJSConnectionError || error instanceof KafkaJSRequestTimeoutError;

/**
 * SCRAM-SHA-512 with the password that the file holds now, for each connection and each time that its session ends. KafkaJS's own reads it
 * several times in one exchange, between which it can change, and takes a connection that breaks for a wrong password.
 */
const scramWith = ({ username, passwordFile }: Credentials): Mechanism => ({
  mechanism: 'scram-sha-512',
  authenticationProvider: (args) => ({
    authenticate: async () => {
      let cutOff: unknown;
      const saslAuthenticate: AuthenticationProviderArgs['saslAuthenticate'] = async (exchange) => {
        try {
          return await args.saslAuthenticate(exchange);
        } catch (error) {
          if (isCutOff(error)) cutOff = error;
          throw error;
        }
      };
      try {
        await scram512({ username, password: readPassword(passwordFile) })({ ...args, saslAuthenticate }).authenticate();
      } catch (error) {
        throw cutOff ?? error;
      }
    },
  }),
});

/** What KafkaJS has to know of it for each connection. */
export const connectionOptions = (security: Security) => ({
  socketFactory: socketFactoryOf(security),
  ssl: security.caFile !== undefined,
  ...(security.credentials && { sasl: scramWith(security.credentials) }),
});
