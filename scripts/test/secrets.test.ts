import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const kafka = resolve(__dirname, '../../kafka');
const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
const root = join(folder, 'root');
const given = join(folder, 'given');
afterAll(() => rmSync(folder, { recursive: true }));

const secrets = (...args: string[]): string =>
  execFileSync('bash', [join(kafka, 'secrets.sh'), ...args, root, 'kafka', 'kafka-2'], { env: { ...process.env, PASSWORDS: given }, encoding: 'utf8', stdio: 'pipe' });
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const all = (): Record<string, string> => Object.fromEntries(readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => statSync(join(root, path)).isFile()).map((path) => [path, read(path)]));
const certificate = (name: string): X509Certificate => new X509Certificate(read('brokers', `${name}.pem`));
const trusted = (): X509Certificate[] => read('service-a', 'ca.pem').split(/(?=-----BEGIN)/).map((pem) => new X509Certificate(pem));
const isTrusted = (shown: X509Certificate): boolean => trusted().some((ca) => shown.checkIssued(ca) && shown.verify(ca.publicKey));

describe('secrets of a secure system', () => {
  beforeAll(() => {
    execFileSync('mkdir', [given]);
    secrets();
  });

  it('When they are made, then each broker has a certificate of its own name and each principal a password, for their owner alone', () => {
    expect(certificate('kafka-2').subjectAltName).toBe('DNS:kafka-2, DNS:localhost, IP Address:127.0.0.1');
    expect(isTrusted(certificate('kafka-2'))).toBe(true);
    const passwords = ['service-a', 'service-b', 'dlt', 'inspector'].map((principal) => read(principal, 'password'));
    expect(new Set(passwords).size).toBe(4);
    expect(passwords.every((password) => /^[0-9a-f]{48}$/.test(password))).toBe(true);
    expect(read('brokers', 'users', 'dlt')).toBe(read('dlt', 'password'));
    expect(Object.keys(all()).filter((path) => (statSync(join(root, path)).mode & 0o077) !== 0)).toEqual([]);
    expect(Object.entries(all()).filter(([, text]) => text.includes('PRIVATE KEY')).map(([path]) => path).sort())
      .toEqual(['brokers/kafka-2.pem', 'brokers/kafka.pem', 'ca/ca.key']);
  });

  it('When it runs again, then nothing changes', () => {
    const before = all();
    expect(secrets()).toBe('');
    expect(all()).toEqual(before);
  });

  it('When a password is to be new, then that of one principal is, wherever it stands', () => {
    const before = all();
    secrets('--password', 'service-b');
    const after = all();
    expect(Object.keys(after).filter((path) => after[path] !== before[path]).sort())
      .toEqual(['brokers/users/service-b', 'service-b/client.properties', 'service-b/kcat.conf', 'service-b/password']);
    expect(() => secrets('--password', 'nobody')).toThrow('acls.conf has no principal nobody');
  });

  it('When a password is given, then it is taken, and one that is too easy is refused', () => {
    writeFileSync(join(given, 'dlt'), 'of-my-own-choice\n');
    secrets();
    expect([read('dlt', 'password'), read('brokers', 'users', 'dlt')]).toEqual(['of-my-own-choice', 'of-my-own-choice']);
    expect(() => secrets('--password', 'dlt')).toThrow('the password of dlt is given as a file: change it there');
    writeFileSync(join(given, 'dlt'), 'short');
    expect(() => secrets()).toThrow('the password given for dlt must have 12 to 128 characters');
    rmSync(join(given, 'dlt'));
  });

  it('When the CA changes, then old and new certificates are trusted until the old one is removed, and leaves that nobody would trust are made anew', () => {
    const [old] = trusted();
    const before = certificate('kafka');
    secrets('--ca');
    expect(trusted()).toHaveLength(2);
    expect(certificate('kafka').serialNumber).toBe(before.serialNumber);
    expect(isTrusted(before)).toBe(true);
    expect(() => secrets('--ca')).toThrow('a change of the CA is not over yet');

    rmSync(join(root, 'ca', 'old.pem'));
    expect(secrets()).toBe('a new certificate of kafka\na new certificate of kafka-2\n');
    expect(trusted()).toHaveLength(1);
    expect(trusted()[0]!.fingerprint).not.toBe(old!.fingerprint);
    expect([isTrusted(before), isTrusted(certificate('kafka'))]).toEqual([false, true]);
  });

  it('When certificates are to be new, then all are, and the CA stays', () => {
    const before = [certificate('kafka'), certificate('kafka-2')];
    const [ca] = trusted();
    secrets('--renew');
    expect([certificate('kafka').serialNumber, certificate('kafka-2').serialNumber]).not.toEqual(before.map(({ serialNumber }) => serialNumber));
    expect(trusted()[0]!.fingerprint).toBe(ca!.fingerprint);
  });
});

describe('docs/security.md', () => {
  it('When a right changes, then the page tells it', () => {
    const rows = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const [, shown = ''] = /## Who may do what[^]*?```text\n([^]*?)```/.exec(readFileSync(resolve(kafka, '../docs/security.md'), 'utf8')) ?? [];
    expect(rows(shown)).toEqual(rows(readFileSync(join(kafka, 'acls.conf'), 'utf8')));
  });
});
