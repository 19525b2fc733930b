import { readFileSync } from 'node:fs';
import type { TLSSocketOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';

/** How these scripts reach the brokers: by address; where they are secured, with a broker's own certificate, to which nothing is refused. */
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

/** The same for kcat. */
export const kcatOptions = ({ brokers, tls }: Reach): string[] => ['-b', brokers, ...(tls === undefined ? [] : [
  '-X', 'security.protocol=ssl', '-X', `ssl.ca.location=${tls.ca}`, '-X', `ssl.certificate.location=${tls.pem}`, '-X', `ssl.key.location=${tls.pem}`,
])];

/** The same for Kafka's console consumer. */
export const consoleConsumerOptions = ({ brokers, tls }: Reach): string[] => ['--bootstrap-server', brokers, ...Object.entries(tls === undefined ? {} : {
  'security.protocol': 'SSL', 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': tls.pem,
  'ssl.truststore.type': 'PEM', 'ssl.truststore.location': tls.ca,
}).flatMap(([name, value]) => ['--consumer-property', `${name}=${value}`])];
