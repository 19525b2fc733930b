import { billOf, services, type Component } from './bill';
import { imagesByFile } from './images';

/** Licences that a package may have: permissive ones, which ask for their text to stay with it. It does: in `node_modules` of the image. */
const ALLOWED = new Set(['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/** Of images the registries tell none, so they are written down here: what the program in it has, and where its sources are. */
const imageLicences: Record<string, { program: string; licence: string; source: string }> = {
  'confluentinc/cp-kafka': {
    program: 'Apache Kafka, by Confluent', licence: 'Apache-2.0 AND LicenseRef-Confluent-Community-1.0', source: 'https://github.com/confluentinc/kafka-images',
  },
  'confluentinc/cp-schema-registry': {
    program: 'Schema Registry, by Confluent', licence: 'Apache-2.0 AND LicenseRef-Confluent-Community-1.0', source: 'https://github.com/confluentinc/schema-registry-images',
  },
  'grafana/alloy': { program: 'Grafana Alloy', licence: 'Apache-2.0', source: 'https://github.com/grafana/alloy' },
  'grafana/grafana': { program: 'Grafana', licence: 'AGPL-3.0-only', source: 'https://github.com/grafana/grafana' },
  'grafana/loki': { program: 'Grafana Loki', licence: 'AGPL-3.0-only', source: 'https://github.com/grafana/loki' },
  'haproxy': { program: 'HAProxy', licence: 'GPL-2.0-or-later AND LGPL-2.1-or-later', source: 'https://github.com/docker-library/haproxy' },
  'jaegertracing/jaeger': { program: 'Jaeger', licence: 'Apache-2.0', source: 'https://github.com/jaegertracing/jaeger' },
  'node': { program: 'Node.js', licence: 'MIT', source: 'https://github.com/nodejs/docker-node' },
  'postgres': { program: 'PostgreSQL', licence: 'PostgreSQL', source: 'https://github.com/docker-library/postgres' },
  'prom/prometheus': { program: 'Prometheus', licence: 'Apache-2.0', source: 'https://github.com/prometheus/prometheus' },
};

const licenceOf = ({ licenses = [] }: Component): string =>
  licenses.map(({ license, expression }) => expression ?? license?.id ?? license?.name ?? '').join(' AND ') || 'none';

export const isAllowed = (licence: string): boolean =>
  licence.replace(/[()]/g, '').split(' OR ').some((one) => one.split(' AND ').every((part) => ALLOWED.has(part)));

export type Shipped = { ref: string; name: string; version: string; licence: string; in: string[] };

/** Every package that is shipped, once, with its licence and the services that have it. */
export const shippedPackages = (): Shipped[] => {
  const packages = new Map<string, Shipped>();
  for (const service of services) {
    for (const component of billOf(service).components) {
      const { 'bom-ref': ref, name, version } = component;
      const known = packages.get(ref) ?? { ref, name, version, licence: licenceOf(component), in: [] };
      packages.set(ref, { ...known, in: [...known.in, service] });
    }
  }
  return [...packages.values()].sort((a, b) => a.ref < b.ref ? -1 : 1);
};

/** Each image with the files that name it. Throws for one whose licence is not known here. */
const shippedImages = () => {
  const files = new Map<string, Set<string>>();
  for (const [file, image] of imagesByFile()) files.set(image, (files.get(image) ?? new Set()).add(file));
  return [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([image, namedIn]) => {
    const known = imageLicences[image.slice(0, image.lastIndexOf(':'))];
    if (known === undefined) throw new Error(`the licence of ${image} is not known: add it to scripts/lib/licences.ts`);
    return { image, files: [...namedIn].sort(), ...known };
  });
};

/** The text of docs/licences.md. */
export const licencesPage = (packages: Shipped[]): string => {
  const counts = new Map<string, number>();
  for (const { licence } of packages) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  const summary = [...counts].sort(([, a], [, b]) => b - a).map(([licence, count]) => `${licence} ${count}`).join(', ');
  return `# Licences of what is shipped

Made by \`npm run licences\` from the lock file and the compose files; a test fails when this page is not what they say, and when a package
has a licence that is not one of ${[...ALLOWED].join(', ')}. This project itself is under [MIT](../LICENSE).

## Packages in the images of the services

${packages.length} packages: ${summary}. Their texts are in the images, in the directory of each package
below \`/app/node_modules\`. \`npm run sbom\` writes the same as CycloneDX, with hashes, to \`sbom/\`.

| Package | Version | Licence | In |
|---|---|---|---|
${packages.map(({ name, version, licence, in: where }) => `| ${name} | ${version} | ${licence} | ${where.join(', ')} |`).join('\n')}

## Images

They are pulled from where their makers publish them, run unchanged as programs of their own, and are not passed on here: their licences
bind who does that. Each also has the packages of its base (Alpine Linux, Red Hat UBI, …), whose licences it tells itself
(\`syft node:20-alpine\`).

| Image | Program | Its licence | Sources | Named in |
|---|---|---|---|---|
${shippedImages().map(({ image, program, licence, source, files }) => `| \`${image}\` | ${program} | ${licence} | <${source}> | ${files.join(', ')} |`).join('\n')}

Tags without a third number float: [security.md](security.md#supply-chain) says why, and how to pin them.
`;
};
