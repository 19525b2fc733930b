import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { readSettings } from './kafka-node';
import type { Reach } from './reach';

/** So many brokers by name, which are named alike with and without Docker. */
const names = (count: number): string => readSettings('cluster.env')['BROKER_NODES']!.split(',').slice(0, count).join(',');

export type Security = Awaited<ReturnType<typeof createSecurity>>;

const runScript = async (name: string, args: string[], env: Record<string, string> = {}): Promise<void> => {
  try {
    await promisify(execFile)('bash', [resolve(__dirname, '../../kafka', name), ...args], { env: { ...process.env, ...env } });
  } catch (error) {
    throw new Error(`kafka/${name}: ${(error as { stderr?: string }).stderr?.trim() || String(error)}`, { cause: error });
  }
};

/**
 * Who may come in, with what, and what for: certificates and passwords in a folder, users and rights on the brokers, both written by the
 * scripts that Compose runs. What the folder holds is kept, what it lacks is made.
 */
export const createSecurity = async (folder: string) => {
  const secrets = (...options: string[]): Promise<void> => runScript('secrets.sh', [...options, folder]);
  await secrets();
  const brokers = resolve(folder, 'brokers');
  const ca = resolve(brokers, 'ca.pem');
  const passwordFile = (principal: string): string => resolve(folder, principal, 'password');
  const pemOf = (broker: string): string => resolve(brokers, `${broker}.pem`);

  const access = ({ brokers: addresses }: Reach, args: string[]): Promise<void> =>
    runScript('access.sh', args, { BROKER_ADDRESS: addresses, SECRETS: brokers });

  return {
    ca,
    /** The file with a broker's key and certificate. */
    pemOf,
    passwordFile,
    /** The settings by which a service comes in as `principal`. */
    credentials: (principal: string, settings: 'KAFKA' | 'DLT' = 'KAFKA'): Record<string, string> => ({
      KAFKA_SSL_CA_FILE: resolve(folder, principal, 'ca.pem'),
      [`${settings}_SASL_USERNAME`]: principal,
      [`${settings}_SASL_PASSWORD_FILE`]: passwordFile(principal),
    }),
    /** New certificates of the brokers, which take them while they serve. */
    renew: async ({ brokers: addresses }: Reach): Promise<void> => {
      await secrets('--renew');
      await runScript('reload.sh', [], {
        BROKER_ADDRESS: addresses, SECRETS: brokers, LISTENERS: 'client broker', BROKER_NODES: names(addresses.split(',').length),
      });
    },
    /** A new password, for the client at once and for the brokers with `writePassword`. */
    newPassword: (principal: string): Promise<void> => secrets('--password', principal),
    writePassword: (reach: Reach, principal: string): Promise<void> => access(reach, [principal]),
    /** Has the users and rights of `kafka/acls.conf` on the brokers, and no others. */
    writeAccess: (reach: Reach): Promise<void> => access(reach, []),
  };
};
