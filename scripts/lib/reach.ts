import { readFileSync } from 'node:fs';
import type { TLSSocketOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';
import { tameRequestQueue } from '../../service-b/src/kafka/kafkajs-patches';

// Node 24 warns of KafkaJS's negative time-outs.
tameRequestQueue();

/** How these scripts reach the brokers: by address; secured ones with a broker's own certificate, to which nothing is refused. */
export type Reach = {
  brokers: string;
  /** Files: the CA, and in one file the key and the certificate. */
  tls?: { ca: string; pem: string };
};

/** What Node's TLS takes; the files are read now. */
export const sslOf = ({ ca, pem }: NonNullable<Reach['tls']>): Pick<TLSSocketOptions, 'ca' | 'cert' | 'key'> =>
  ({ ca: readFileSync(ca), cert: readFileSync(pem), key: readFileSync(pem) });

/** The part of a KafkaJS client's settings that says whom it connects to and how. */
export const clientSettings = ({ brokers, tls }: Reach): Pick<KafkaConfig, 'brokers' | 'ssl'> =>
  ({ brokers: brokers.split(','), ...(tls && { ssl: sslOf(tls) }) });

const options = (flag: string, settings: Record<string, string> = {}): string[] =>
  Object.entries(settings).flatMap(([name, value]) => [flag, `${name}=${value}`]);

/** The same for kcat. */
export const kcatOptions = ({ brokers, tls }: Reach): string[] => ['-b', brokers, ...options('-X', tls && {
  'security.protocol': 'ssl', 'ssl.ca.location': tls.ca, 'ssl.certificate.location': tls.pem, 'ssl.key.location': tls.pem,
})];

/** The same for Kafka's console consumer. */
export const consoleConsumerOptions = ({ brokers, tls }: Reach): string[] => ['--bootstrap-server', brokers, ...options('--consumer-property', tls && {
  'security.protocol': 'SSL', 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': tls.pem,
  'ssl.truststore.type': 'PEM', 'ssl.truststore.location': tls.ca,
})];
