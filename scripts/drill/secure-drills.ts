import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { give, take, type Grant } from '../lib/grants';
import { sslOf, type Reach } from '../lib/reach';
import { waitFor } from '../lib/process';
import type { Security } from '../lib/security';
import type { ClusterDrill } from './cluster-stage';
import type { Drill } from './drills';
import type { Stage } from './stage';

/** What an order and its outcome may wait for, the new password or certificate being made and told to the brokers included. */
const LIMIT = { whole: 10_000, outcomes: 10_000 };
const TAKEN_MS = 5_000;

/** For the secured brokers of drills: every client gives its password again every 15 s, so that this happens under load in each of them. */
export const REAUTH_SECONDS = 15;
export const secured = { secure: true, settings: { KAFKA_CONNECTIONS_MAX_REAUTH_MS: String(REAUTH_SECONDS * 1_000) } };

const securityOf = ({ security }: Stage): Security => {
  if (security === undefined) throw new Error('this drill needs secured brokers: --secure');
  return security;
};

/** Whether a principal is let in with a password. */
const letsIn = async ({ brokers }: Stage, { ca }: Security, username: string, password: string): Promise<boolean> => {
  const admin = new Kafka({
    brokers: brokers.split(','), ssl: { ca: [await readFile(ca, 'utf8')] }, sasl: { mechanism: 'scram-sha-512', username, password },
    logLevel: logLevel.NOTHING, retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    return true;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
};

const rotatePassword = async (stage: Stage): Promise<number> => {
  const security = securityOf(stage);
  const old = await readFile(security.passwordFile('service-b'), 'utf8');
  await sleep(3_000);
  await security.newPassword('service-b');
  await security.writePassword(stage.reach, 'service-b');
  if (await letsIn(stage, security, 'service-b', old)) throw new Error('the password that was taken away still opens the door');
  // Until every connection has given the new one.
  await sleep((REAUTH_SECONDS + 2) * 1_000);
  return 1;
};

/** The serial number of the certificate that the broker at an address shows. */
const certificateAt = (address: string, tls: NonNullable<Reach['tls']>): Promise<string> => new Promise((resolve, reject) => {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), ...sslOf(tls) }, () => {
    resolve(socket.getPeerCertificate().serialNumber);
    socket.destroy();
  }).on('error', reject);
});

const rotateCertificates = async (stage: Stage): Promise<number> => {
  const security = securityOf(stage);
  const shown = (): Promise<string[]> => Promise.all(stage.reach.brokers.split(',').map((address) => certificateAt(address, stage.reach.tls!)));
  await sleep(3_000);
  const before = await shown();
  await security.renew(stage.reach);
  const isNew = async (): Promise<boolean> => (await shown()).every((serial) => !before.includes(serial));
  await waitFor('every broker to show its new certificate', isNew);
  const password = await readFile(security.passwordFile('service-b'), 'utf8');
  if (!await letsIn(stage, security, 'service-b', password)) throw new Error('nobody is let in any more');
  // Until every connection has given its password again.
  await sleep((REAUTH_SECONDS + 2) * 1_000);
  return before.length;
};

/** Rights that are missed at once when they are taken away: service-b's outcomes, then what it reads, then service-a's orders. */
const rights = ({ topics, groups }: Stage): Grant[] => [
  { principal: 'service-b', operation: 'Write', type: 'topic', name: topics.payments },
  { principal: 'service-b', operation: 'Read', type: 'group', name: groups.b },
  { principal: 'service-a', operation: 'Write', type: 'topic', name: topics.orders },
];

const revokeRights = async (stage: Stage): Promise<number> => {
  for (const right of rights(stage)) {
    if (!stage.grants.some((grant) => isDeepStrictEqual(grant, right))) throw new Error(`nobody has the right ${JSON.stringify(right)}`);
    await sleep(2_000);
    await take(stage.admin, [right]);
    await Promise.all([(right.principal === 'service-a' ? stage.a : stage.b).untilNotReady(), sleep(TAKEN_MS)]);
    await give(stage.admin, [right]);
    await stage.untilReady();
  }
  return rights(stage).length;
};

const password = { name: 'password-rotated', what: 'a new password of service-b, under load: secrets.sh and access.sh' };
const certificate = { name: 'certificate-rotated', what: 'new certificates of the brokers, which take them while they serve' };
const right = {
  name: 'right-revoked', what: 'a right taken away for 5 s and given back: Write on payments and the group of service-b, Write on orders of service-a',
};

export const secureDrills: Drill[] = [
  { ...password, quick: true, perSecond: 100, seconds: 28, limitMs: LIMIT, faults: rotatePassword },
  { ...certificate, quick: true, perSecond: 100, seconds: 26, limitMs: LIMIT, faults: rotateCertificates },
  { ...right, quick: true, perSecond: 60, seconds: 30, faults: revokeRights },
];

export const secureClusterDrills: ClusterDrill[] = [
  { ...password, perSecond: 200, seconds: 30, quickSeconds: 28, limitMs: LIMIT, faults: rotatePassword },
  { ...certificate, perSecond: 200, seconds: 50, quickSeconds: 34, limitMs: LIMIT, faults: rotateCertificates },
  { ...right, perSecond: 200, seconds: 36, faults: revokeRights },
];
