import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { parseEnv, registryOf } from '../../src/config/env';

const URL = 'https://registry:8081';

describe('16 where the schema registry is, and how to come in', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'registry-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = (): string => file('ca.pem', rootCertificates[0]!);
  const password = (): string => file('password', 'hunter2\n');

  test('When nothing is set, then there is none', () => {
    expect(registryOf(parseEnv({}))).toBeUndefined();
  });

  test.each(['http://127.0.0.1:8081', 'HTTPS://Registry.example/of/kafka/', 'http://[::1]:8081'])('When %s is set, then it is there', (url) => {
    expect(registryOf(parseEnv({ SCHEMA_REGISTRY_URL: url }))).toEqual({ url, caFile: undefined, credentials: undefined });
  });

  test.each([URL, 'HTTPS://registry'])('When CA, user and password of %s are there, then it comes in with them', (url) => {
    const settings = {
      SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: ca(), SCHEMA_REGISTRY_USERNAME: 'shop', SCHEMA_REGISTRY_PASSWORD_FILE: password(),
    };
    expect(registryOf(parseEnv(settings))).toEqual({ url, caFile: ca(), credentials: { username: 'shop', passwordFile: password() } });
  });

  test.each([
    'registry:8081', 'ftp://registry', 'http://', 'http://registry:99999', 'http://shop:hunter2@registry', 'http://shop@registry',
    'http://registry?token=hunter2', 'http://registry/#hunter2',
  ])('When its address is %s, then one sentence says what it must be, and shows nothing of it', (url) => {
    expect(() => parseEnv({ SCHEMA_REGISTRY_URL: url })).toThrow(new Error('Invalid settings: SCHEMA_REGISTRY_URL: must be an address such as '
      + 'http://127.0.0.1:8081, perhaps with a path, without credentials or a query'));
  });

  test.each(['shop:one', 'shop\none', 's'.repeat(201)])('When its user is %j, then one sentence says what it must be', (username) => {
    const settings = { SCHEMA_REGISTRY_URL: URL, SCHEMA_REGISTRY_USERNAME: username, SCHEMA_REGISTRY_PASSWORD_FILE: password() };
    expect(() => parseEnv(settings))
      .toThrow(new Error('Invalid settings: SCHEMA_REGISTRY_USERNAME: must have 1 to 200 characters, without colons, line breaks and the like'));
  });

  test.each([
    ['SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD_FILE'], ['SCHEMA_REGISTRY_PASSWORD_FILE', 'SCHEMA_REGISTRY_USERNAME'],
  ])('When %s is set alone, then the sentence asks for the other one', (one, other) => {
    expect(() => parseEnv({ SCHEMA_REGISTRY_URL: URL, [one]: password() }))
      .toThrow(new Error(`Invalid settings: ${other}: must be set too, as ${one} is`));
  });

  test('When files are not there or hold something else, then each is named with the reason', () => {
    const [caFile, passwordFile] = [file('key.pem', 'hunter2'), join(folder, 'none')];
    const settings = {
      SCHEMA_REGISTRY_URL: URL, SCHEMA_REGISTRY_CA_FILE: caFile, SCHEMA_REGISTRY_USERNAME: 'shop', SCHEMA_REGISTRY_PASSWORD_FILE: passwordFile,
    };
    expect(() => parseEnv(settings)).toThrow(new Error(`Invalid settings: SCHEMA_REGISTRY_PASSWORD_FILE: ${passwordFile} cannot be read (ENOENT); `
      + `SCHEMA_REGISTRY_CA_FILE: ${caFile} holds no certificates in PEM, or something besides that cannot be read`));
  });

  test('When a CA is given for an address without TLS, then one sentence says what it is for', () => {
    expect(() => parseEnv({ SCHEMA_REGISTRY_URL: 'http://registry:8081', SCHEMA_REGISTRY_CA_FILE: ca() }))
      .toThrow(new Error('Invalid settings: SCHEMA_REGISTRY_CA_FILE: is for an https address alone'));
  });

  test('When there is no address, then each setting that needs one says so', () => {
    const settings = { SCHEMA_REGISTRY_CA_FILE: ca(), SCHEMA_REGISTRY_USERNAME: 'shop', SCHEMA_REGISTRY_PASSWORD_FILE: password() };
    for (const setting of Object.keys(settings)) {
      expect(() => parseEnv(settings)).toThrow(`SCHEMA_REGISTRY_URL: must be set too, as ${setting} is`);
    }
  });
});
