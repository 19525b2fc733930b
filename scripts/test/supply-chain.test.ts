import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { billOf, services } from '../lib/bill';
import { dockerfiles, imagesByFile } from '../lib/images';
import { isAllowed, licencesPage, shippedPackages, type Shipped } from '../lib/licences';

const read = (path: string): string => readFileSync(join(__dirname, '../..', path), 'utf8');

let packages: Shipped[];

beforeAll(() => {
  packages = shippedPackages();
}, 60_000);

describe('images', () => {
  // Their makers mend faults under the same tag; docs/security.md tells how to pin them.
  const floating = ['node:20-alpine', 'postgres:17-alpine', 'haproxy:3.0-alpine'];

  test('When a compose file or a Dockerfile names an image, then its tag is exact, or one of those that are meant to float', () => {
    const images = imagesByFile();
    expect(new Set(images.map(([file]) => file)).size).toBeGreaterThan(6);
    expect(images.filter(([, image]) => !/:v?\d+\.\d+\.\d+(-[\w.]+)?$/.test(image) && !floating.includes(image))).toEqual([]);
  });

  test('When an image is built, then no script of a package runs in it', () => {
    const installs = dockerfiles().flatMap((file) => [...read(file).matchAll(/\bnpm (?:ci|install|i|rebuild)\b.*/g)].map(([line]) => `${file}: ${line}`));
    expect(installs.length).toBeGreaterThan(5);
    expect(installs.filter((line) => !line.includes(' --ignore-scripts'))).toEqual([]);
  });

  test('When a package is shipped, then it needs no script to be installed', () => {
    const { packages: locked } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version?: string; hasInstallScript?: true }> };
    const withScript = Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`);
    expect(withScript.length).toBeGreaterThan(0);
    const shipped = new Set(packages.map(({ ref }) => ref));
    expect(withScript.filter((ref) => shipped.has(ref))).toEqual([]);
  });
});

describe('the version', () => {
  test('When it is asked for, then packages, lock file and the descriptions of APIs and topics say the same', () => {
    const versionOf = (text: string): string | undefined => /^ {2}"?version"?: "?([\d.]+)/m.exec(text)?.[1];
    const version = versionOf(read('package.json'));
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    for (const service of services) {
      expect([versionOf(read(`${service}/package.json`)), versionOf(read(`${service}/openapi.yaml`))]).toEqual([version, version]);
    }
    expect([versionOf(read('kafka/asyncapi.yaml')), versionOf(read('package-lock.json'))]).toEqual([version, version]);
  });
});

describe('the bill of materials', () => {
  test.each(services)('When %s is looked at, then it has each dependency, nothing for development, and names no registry', (service) => {
    const bill = billOf(service);
    const names = new Set(bill.components.map(({ name }) => name));
    const { dependencies } = JSON.parse(read(`${service}/package.json`)) as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual([]);
    expect(['typescript', 'jest', '@types/node', service].filter((name) => names.has(name))).toEqual([]);
    expect(bill.metadata.component.name).toBe(service);
    expect(JSON.stringify(bill).match(/https?:\/\/[^/"]+/g)).toEqual(['http://cyclonedx.org']);
  });
});

describe('licences', () => {
  test('When a package is shipped, then its licence is one that is allowed', () => {
    expect(packages.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
  });

  test.each([['MIT', true], ['(MIT OR GPL-3.0-only)', true], ['MIT AND Apache-2.0', true], ['GPL-3.0-only', false], ['MIT AND GPL-3.0-only', false], ['none', false]])(
    'When it is %s, then that is %s', (licence, allowed) => {
      expect(isAllowed(licence)).toBe(allowed);
    });

  test('When docs/licences.md is read, then it says what is shipped now (npm run licences)', () => {
    expect(existsSync(join(__dirname, '../../docs/licences.md')) && read('docs/licences.md')).toBe(licencesPage(packages));
  });
});
