import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistryClient, RegistryAwayError, type RegistryAddress } from '../../src/kafka/registry-client';
import { aCertificate } from '../support/certificate';
import { aRegistry, type TestRegistry } from '../support/registry';

const ever = new AbortController().signal;
const SCHEMA = '{"type":"string"}';

let folder: string;
let certificate: { key: string; cert: string };
let ofAnother: { key: string; cert: string };
const open: TestRegistry[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-'));
  certificate = aCertificate(folder, 'IP:127.0.0.1');
  ofAnother = aCertificate(folder, 'DNS:elsewhere.example');
});
afterEach(() => Promise.all(open.splice(0).map((registry) => registry.close())));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** One that holds a schema, and asks for it. */
const registryWith = async (served?: typeof certificate) => {
  const registry = await aRegistry(served);
  open.push(registry);
  const id = registry.register('events-value', SCHEMA);
  const ask = (address: Partial<RegistryAddress> = {}): Promise<number | undefined> =>
    createRegistryClient({ url: registry.url, caFile: undefined, credentials: undefined, ...address }).idOf('events-value', SCHEMA, ever);
  return { registry, id, ask };
};

describe('16 a registry over TLS', () => {
  test('When its certificate is of the CA, then it is asked, also where the address is in capital letters', async () => {
    const { registry, id, ask } = await registryWith(certificate);
    const caFile = file('ca.pem', certificate.cert);
    expect(await ask({ caFile })).toBe(id);
    expect(await ask({ caFile, url: registry.url.replace('https', 'HTTPS') })).toBe(id);
  });

  test('When its certificate is of another CA, then it is told nothing', async () => {
    const { registry, ask } = await registryWith(certificate);
    const credentials = { username: 'shop', passwordFile: file('password', 'hunter2') };
    await expect(ask({ caFile: file('ca.pem', ofAnother.cert), credentials })).rejects.toThrow(RegistryAwayError);
    await expect(ask({ credentials })).rejects.toThrow(RegistryAwayError);
    expect([registry.requests, registry.credentials]).toEqual([[], []]);
  });

  test('When its certificate is for another host, then it is told nothing', async () => {
    const { registry, ask } = await registryWith(ofAnother);
    await expect(ask({ caFile: file('ca.pem', ofAnother.cert) })).rejects.toThrow(RegistryAwayError);
    expect(registry.requests).toEqual([]);
  });

  test('When the file of the CA is exchanged, then the next request goes by it', async () => {
    const { registry, id } = await registryWith(certificate);
    const client = createRegistryClient({ url: registry.url, caFile: file('ca.pem', ofAnother.cert), credentials: undefined });
    await expect(client.idOf('events-value', SCHEMA, ever)).rejects.toThrow(RegistryAwayError);
    file('ca.pem', certificate.cert);
    expect(await client.idOf('events-value', SCHEMA, ever)).toBe(id);
  });
});

describe('16 a registry with users', () => {
  test('When there is a user, then each request names it with the password that the file holds then', async () => {
    const { registry } = await registryWith();
    const passwordFile = file('password', 'hünter:2\r\n');
    const client = createRegistryClient({ url: registry.url, caFile: undefined, credentials: { username: 'shop', passwordFile } });
    await client.versionsOf('events-value', ever);
    file('password', 'another');
    await client.versionsOf('events-value', ever);
    const sent = registry.credentials.map((header) => Buffer.from(header!.replace(/^Basic /, ''), 'base64').toString());
    expect(sent).toEqual(['shop:hünter:2', 'shop:another']);
  });

  test('When there is none, then none is named', async () => {
    const { registry, ask } = await registryWith();
    await ask();
    expect(registry.credentials).toEqual([undefined]);
  });

  test('When the password is wrong, then the error says so, and not the password', async () => {
    const { registry, ask } = await registryWith();
    registry.answerWith({ status: 401 });
    const asked = ask({ credentials: { username: 'shop', passwordFile: file('password', 'hunter2') } });
    await expect(asked).rejects.toMatchObject({ name: 'RegistryAwayError', message: 'POST /subjects/events-value: it answered 401' });
  });

  test.each(['caFile', 'passwordFile'])('When the file of %s is gone, then the registry counts as away', async (which) => {
    const { registry, ask } = await registryWith();
    const gone = '/nowhere/file';
    const asked = which === 'caFile' ? ask({ caFile: gone }) : ask({ credentials: { username: 'shop', passwordFile: gone } });
    await expect(asked).rejects.toThrow(RegistryAwayError);
    expect(registry.requests).toEqual([]);
  });
});

test.each(['/', '/of/kafka', '/of/kafka//'])('When its address ends with %s, then what is asked for is put behind that', async (path) => {
  const { registry, ask } = await registryWith();
  await ask({ url: `${registry.url}${path}` }).catch(() => undefined);
  expect(registry.requests[0]).toBe(`POST ${path.replace(/\/+$/, '')}/subjects/events-value`);
});
