import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, rootCertificates } from 'node:tls';
import { createLook, type Fault, type Needs } from '../../service-b/src/kafka/access';
import type { Security } from '../../service-b/src/kafka/security';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import type { Service } from '../drill/service';
import { createStage, placeOf, type Stage } from '../drill/stage';
import type { LocalBroker } from '../lib/broker';
import { give, take, type Grant } from '../lib/grants';
import { startChild, waitFor } from '../lib/process';
import { startScratchBroker } from '../lib/scratch-broker';

type Line = { level: string; message: string; principal?: string; operation?: string; resource?: string; reason?: string; remedy?: string };

const REAUTH_SECONDS = 14;

let broker: LocalBroker;
let remove: () => Promise<void>;
let stage: Stage;

beforeAll(async () => {
  const settings = { KAFKA_CONNECTIONS_MAX_REAUTH_MS: String(REAUTH_SECONDS * 1_000) };
  ({ broker, remove } = await startScratchBroker({ secure: true, settings }));
  stage = await createStage({ name: 'refused', ...placeOf(broker), random: createRandom(7), perSecond: 50, env: { PAYMENT_SUCCESS_RATE: '0.5' } });
  await stage.untilReady();
}, 180_000);
afterAll(async () => {
  await stage.close();
  await remove();
}, 60_000);

const linesOf = ({ lines }: Service): Line[] => lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line);
/** What a service has said of access, since `from` lines. */
const accessLines = (service: Service, from: number): string[] => linesOf(service).slice(from)
  .filter(({ level, message }) => level === 'error' || message.startsWith('access '))
  .map(({ level, message, principal, operation, resource }) => [level, message, principal, operation, resource].join(' '));
const checksOf = async ({ url }: Service): Promise<Record<string, boolean>> =>
  (await (await fetch(`${url}/ready`)).json() as { checks: Record<string, boolean> }).checks;
const post = async (orderId: string, amount = 9.5): Promise<number> => (await stage.load.client.send('POST', '/orders', JSON.stringify({
  orderId, userId: 'user-1', amount, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 9.5 }],
}))).status;

/** Every accepted order has an outcome on the broker, and shows it. */
const expectNothingLost = async (): Promise<void> => {
  await stage.settle();
  const outcomes = [...await readTopic(stage.reach, stage.topics.payments), ...await readTopic(stage.reach, stage.topics.deadLetters)];
  const finished = new Set(outcomes.map(({ key }) => key?.toString()));
  expect([...stage.load.accepted.keys()].filter((orderId) => !finished.has(orderId))).toEqual([]);
  expect(stage.load.violations).toEqual([]);
};

/** Takes a right away for as long as `meanwhile` takes, and waits until the service has seen the end of it. */
const without = async (service: Service, isTaken: (grant: Grant) => boolean, meanwhile: () => Promise<void>): Promise<string[]> => {
  const from = linesOf(service).length;
  const taken = stage.grants.filter(isTaken);
  expect(taken.length).toBeGreaterThan(0);
  await take(stage.admin, taken);
  try {
    await meanwhile();
  } finally {
    await give(stage.admin, taken);
  }
  await waitFor('the end of it to be seen', () => accessLines(service, from).some((line) => line.startsWith('info access granted again')));
  await service.untilReady();
  return accessLines(service, from);
};
const isRefused = (service: Service) => waitFor(`${service.name} to see it`, async () => (await checksOf(service))['accessGranted'] === false);
/** Readiness does not come and go with each try. */
const staysRefused = async (service: Service, ms: number): Promise<void> => {
  const seen: (boolean | undefined)[] = [];
  for (const end = Date.now() + ms; Date.now() < end;) {
    seen.push((await checksOf(service))['accessGranted']);
    await sleep(100);
  }
  expect(new Set(seen)).toEqual(new Set([false]));
};

describe('16 a right that is taken away while the pair works', () => {
  test('When service-b may not write payments, then it says so once, keeps every outcome, and writes them when it may again', async () => {
    const { b, topics, load } = stage;
    const said = await without(b, ({ principal, operation, name }) => principal === 'service-b' && operation === 'Write' && name === topics.payments, async () => {
      await load.run({ seconds: 2 });
      await isRefused(b);
      await staysRefused(b, 3_000);
      expect((await readTopic(stage.reach, topics.payments)).length).toBeLessThan(load.accepted.size / 2);
    });
    expect(said).toEqual([
      `error access refused User:service-b Write topic ${topics.payments}`, `info access granted again User:service-b Write topic ${topics.payments}`]);
    await expectNothingLost();
  });

  test('When service-b may not write dead letters, then payments go on, and the dead letters are written when it may again', async () => {
    const { b, topics, load } = stage;
    const said = await without(b, ({ principal, operation, name }) => principal === 'service-b' && operation === 'Write' && name === topics.deadLetters, async () => {
      const before = (await readTopic(stage.reach, topics.payments)).length;
      await load.run({ seconds: 2 });
      await isRefused(b);
      await waitFor('payments', async () => (await readTopic(stage.reach, topics.payments)).length > before + 20);
    });
    expect(said[0]).toBe(`error access refused User:service-b Write topic ${topics.deadLetters}`);
    await expectNothingLost();
  });

  test.each([
    ['read orders', 'topic', (grant: Grant) => grant.name === stage.topics.orders],
    ['be in its group', 'group', (grant: Grant) => grant.type === 'group'],
  ])('When service-b may not %s, then it says so once, and goes on where it was when it may again', async (_what, type, is) => {
    const { b, topics, groups, load } = stage;
    const said = await without(b, (grant) => grant.principal === 'service-b' && grant.operation === 'Read' && is(grant), async () => {
      await load.run({ seconds: 2 });
      await isRefused(b);
      await staysRefused(b, 3_000);
    });
    expect(said).toEqual(['error access refused', 'info access granted again']
      .map((what) => `${what} User:service-b Read ${type} ${type === 'topic' ? topics.orders : groups.b}`));
    await expectNothingLost();
  });

  test('When service-a may not write orders, then posts are refused at once, no id stays taken, and it is as before when it may again', async () => {
    const { a, topics, random } = stage;
    const orderId = random.uuid();
    const said = await without(a, ({ principal, operation }) => principal === 'service-a' && operation === 'Write', async () => {
      const startedAt = Date.now();
      expect(await post(orderId)).toBe(503);
      expect(Date.now() - startedAt).toBeLessThan(2_000);
      await isRefused(a);
      await staysRefused(a, 3_000);
      expect(await post(orderId, 10)).toBe(503);
    });
    expect(said).toEqual([
      `error access refused User:service-a Write topic ${topics.orders}`, `info access granted again User:service-a Write topic ${topics.orders}`]);
    expect(await post(orderId, 11)).toBe(202);
  });

  test('When service-a may not read payments and dead letters, then it names both, and shows every outcome when it may again', async () => {
    const { a, topics, load } = stage;
    const said = await without(a, ({ principal, operation, name }) => principal === 'service-a' && operation === 'Read' && name !== topics.orders
      && [topics.payments, topics.deadLetters].includes(name), async () => {
      await load.run({ seconds: 2 });
      await isRefused(a);
    });
    expect(said.slice(0, 2)).toEqual([topics.payments, topics.deadLetters].map((topic) => `error access refused User:service-a Read topic ${topic}`));
    await expectNothingLost();
  });
});

describe('16 a password that changes while the pair works', () => {
  test('When only the file has the new one, then service-b says so, and is as before once the broker has it, without a restart', async () => {
    const { b, load } = stage;
    const from = linesOf(b).length;
    const [pid, security] = [b.pid(), broker.security!];
    await security.newPassword('service-b');
    // The session of each connection ends, if not the connection itself.
    await waitFor('service-b to be refused', async () => (await checksOf(b))['accessGranted'] === false, { timeoutMs: (REAUTH_SECONDS + 10) * 1_000 });
    await load.run({ seconds: 2 });
    await security.writePassword(stage.reach, 'service-b');
    await b.untilReady();
    const said = accessLines(b, from);
    expect(said[0]).toMatch(/^error access refused User:service-b Authenticate broker 127\.0\.0\.1:\d+$/);
    expect(said).toHaveLength(2);
    expect(b.pid()).toBe(pid);
    await expectNothingLost();
  });

  test('When sessions end under load at level debug, then nothing fails, and no line holds what the broker says about the password', async () => {
    const { a, b, load } = stage;
    const [startA, startB] = [linesOf(a).length, linesOf(b).length];
    for (const service of [a, b]) service.signal('SIGUSR2');
    const answers: string[] = [];
    const collect = setInterval(() => answers.push(...[...a.lines, ...b.lines].filter((line) => line.includes('Sasl'))), 200);
    await load.run({ seconds: REAUTH_SECONDS + 3 });
    for (const service of [a, b]) service.signal('SIGUSR2');
    clearInterval(collect);
    expect(answers.some((line) => line.includes('Response SaslAuthenticate'))).toBe(true);
    expect(answers.filter((line) => /authBytes|"type":"Buffer"/.test(line))).toEqual([]);
    expect([...linesOf(a).slice(startA), ...linesOf(b).slice(startB)].filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    await expectNothingLost();
  });
});

test('16 When the broker freezes while sessions end, then that counts as no wrong password, and nothing is lost', async () => {
  const { a, b, load } = stage;
  const [fromA, fromB] = [linesOf(a).length, linesOf(b).length];
  const running = load.run({ seconds: REAUTH_SECONDS });
  broker.pause();
  await sleep(REAUTH_SECONDS * 1_000 - 2_000);
  broker.resume();
  await running;
  await stage.untilReady();
  expect([...accessLines(a, fromA), ...accessLines(b, fromB)]).toEqual([]);
  await expectNothingLost();
});

describe('16 the command for a rebuild', () => {
  test('When it may not read, then it says so in a line, touches no table, and exits with 1', async () => {
    const own = { ...stage.envA, ...broker.security!.credentials('inspector'), DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' };
    const stderr: string[] = [];
    const child = startChild({
      command: process.execPath, args: ['dist/rebuild.js'], cwd: resolve(__dirname, '../../service-a'), env: { ...process.env, ...own },
      log: (line) => void stderr.push(line),
    });
    const { code } = await child.exited;
    expect([code, stderr]).toEqual([1, [expect.stringMatching(/^rebuild: User:inspector may not Read group .*\.rebuild\./)]]);
  });
});

describe('16 the command for dead letters', () => {
  // Half of the orders is declined.
  beforeAll(async () => {
    await stage.load.run({ seconds: 1 });
    await stage.settle();
  });

  test('When it may not write orders, then it says so in a line, and exits with 1', async () => {
    const taken = stage.grants.filter(({ principal, operation }) => principal === 'dlt' && operation === 'Write');
    await take(stage.admin, taken);
    const { code, stderr } = await stage.dlt(['redrive', '--all', '--yes']).ended;
    expect([code, stderr.filter((line) => line.startsWith('dlt: '))])
      .toEqual([1, [expect.stringContaining(`User:dlt may not Write topic ${stage.topics.orders}: no right to it; grant it`)]]);
    await give(stage.admin, taken);
    expect((await stage.dlt(['redrive', '--all', '--yes']).ended).code).toBe(0);
  });

  test('When it may not see what service-b has committed, then it says so in a line, puts nothing back, and lists all the same', async () => {
    const taken = stage.grants.filter(({ principal, operation }) => principal === 'dlt' && operation === 'Describe');
    await take(stage.admin, taken);
    const { code, stdout, stderr } = await stage.dlt(['redrive', '--all', '--yes']).ended;
    expect([code, stdout, stderr.filter((line) => line.startsWith('dlt: '))])
      .toEqual([1, [], [expect.stringContaining(`User:dlt may not Describe group ${stage.groups.b}: no right to it; grant it`)]]);
    expect((await stage.dlt(['list']).ended).code).toBe(0);
    await give(stage.admin, taken);
    expect((await stage.dlt(['redrive', '--all', '--yes']).ended).code).toBe(0);
  });

  test.each([
    ['has the wrong password', { DLT_SASL_PASSWORD_FILE: __filename }, /^dlt: User:dlt may not Authenticate broker .*user must exist/],
    ['is nobody', { DLT_SASL_USERNAME: 'nobody' }, /^dlt: User:nobody may not Authenticate broker /],
    ['has no password', { DLT_SASL_PASSWORD_FILE: '/nowhere/password' }, /^dlt: User:dlt may not Read file \/nowhere\/password: ENOENT; /],
    ['may not read', { DLT_SASL_USERNAME: 'service-b', DLT_SASL_PASSWORD_FILE: 'service-b' }, /^dlt: User:service-b may not Read topic .*Read group /],
  ])('When it %s, then it says so in a line, and exits with 1', async (_what, settings, said) => {
    const own = Object.fromEntries(Object.entries(settings)
      .map(([name, value]) => [name, value === 'service-b' && name.endsWith('FILE') ? broker.security!.passwordFile(value) : value]));
    const { code, stderr } = await stage.dlt(['list'], own).ended;
    expect([code, stderr]).toEqual([1, [expect.stringMatching(said)]]);
  });
});

describe('16 coming in', () => {
  const needs: Needs = { Read: ['orders'], Write: ['payments'], groups: ['service-b-consumers'] };
  const asB = (): Security => ({ caFile: broker.security!.ca, credentials: { username: 'service-b', passwordFile: broker.security!.passwordFile('service-b') } });
  const lookAt = (address: string, security: Security, needed = needs): Promise<Fault[] | undefined> =>
    createLook({ brokers: [address], clientId: 'look', security, needs: needed })();
  /** Passes everything on to the broker from another address. */
  const withPassage = async <T>(host: string, use: (address: string) => Promise<T>): Promise<T> => {
    const [to = '', port] = broker.brokers.split(':');
    const server = createServer((socket) => {
      const on = connect(Number(port), to);
      socket.pipe(on).pipe(socket);
      socket.on('error', () => on.destroy());
      on.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => { server.listen(0, host, resolve); });
    try {
      return await use(`${host}:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
    }
  };

  test('When all is as it should be, then nothing is refused', async () => {
    expect(await lookAt(broker.brokers, asB())).toEqual([]);
    expect(await lookAt(process.env['KAFKA_BROKERS']!, { caFile: undefined, credentials: undefined })).toEqual([]);
  });

  test('When it needs more than it may, then each right that is missing is named', async () => {
    const groups = ['service-b-consumers', 'service-a-consumers'];
    const more = { Read: ['orders', 'payments'], Write: ['orders', 'payments'], groups, groupsSeen: groups };
    expect((await lookAt(broker.brokers, asB(), more))?.map(({ operation, resource }) => `${operation} ${resource}`))
      .toEqual(['Read topic payments', 'Write topic orders', 'Read group service-a-consumers', 'Describe group service-a-consumers']);
  });

  test('When the certificate is from another CA, then that is what it says', async () => {
    const caFile = join(await mkdtemp(join(tmpdir(), 'ca-')), 'ca.pem');
    await writeFile(caFile, rootCertificates[0]!);
    const faults = await lookAt(broker.brokers, { ...asB(), caFile });
    expect(faults).toEqual([expect.objectContaining({ operation: 'Connect', remedy: expect.stringContaining('KAFKA_SSL_CA_FILE') as string })]);
    // The file is read at each connection: what it holds by then counts.
    await writeFile(caFile, await readFile(broker.security!.ca));
    expect(await lookAt(broker.brokers, { ...asB(), caFile })).toEqual([]);
    await rm(dirname(caFile), { recursive: true });
  });

  test('When the certificate is for another name, then that is what it says', async () => {
    const faults = await withPassage('127.0.0.2', (address) => lookAt(address, asB()));
    expect(faults).toEqual([expect.objectContaining({ operation: 'Connect', remedy: expect.stringContaining('for the name that it is reached by') as string })]);
  });

  test.each([
    ['without TLS at a port with TLS', () => broker.brokers, () => ({ caFile: undefined, credentials: undefined }), 'the broker speaks TLS there'],
    ['with TLS at a port without', () => process.env['KAFKA_BROKERS']!, asB, 'the broker does not speak TLS there'],
    ['without a password where one is wanted', () => broker.brokers, () => ({ ...asB(), credentials: undefined }), 'the broker answers nobody without a password there'],
    ['at the brokers\' own port', () => broker.reach.brokers, () => ({ ...asB(), credentials: undefined }), expect.stringMatching(/alert.*certificate/i) as unknown],
  ])('When it comes %s, then that is what it says', async (_what, address, security, reason) => {
    expect(await lookAt(address(), security())).toEqual([expect.objectContaining({ resource: `broker ${address()}`, reason })]);
  });

  test('When it comes by a name, then it tells the name, and the certificate is for it', async () => {
    const names: (string | false | null)[] = [];
    const pem = await readFile(broker.security!.pemOf('kafka'));
    const server = createTlsServer({ key: pem, cert: pem }, (socket) => {
      names.push(socket.servername);
      socket.destroy();
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const { port } = server.address() as AddressInfo;
    try {
      await Promise.all([lookAt(`localhost:${port}`, asB()), lookAt(`127.0.0.1:${port}`, asB())]);
    } finally {
      server.close();
    }
    expect(names.sort()).toEqual([false, 'localhost']);
  });

  test('When there is no broker, then it is not known', async () => {
    expect(await lookAt('127.0.0.1:1', asB())).toBeUndefined();
  });
});
