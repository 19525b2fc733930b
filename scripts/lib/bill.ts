import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(__dirname, '../..');

export const services = ['service-a', 'service-b'] as const;

export type Component = {
  'bom-ref': string;
  'name': string;
  'version': string;
  'licenses'?: { license?: { id?: string; name?: string }; expression?: string }[];
};

/** What is read of CycloneDX 1.5. */
export type Bill = {
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
};

const nameOf = (ref: string): string => ref.slice(0, ref.lastIndexOf('@'));

/**
 * The bill of materials of what a service's image has in `node_modules`, by npm from the lock file alone. Of it is taken what the service's
 * own dependencies lead to: `--omit dev` would leave out what is a dependency of the service and for development of something else too.
 */
export const billOf = (service: typeof services[number]): Bill => {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--offline', '--workspace', service];
  const bill = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })) as Bill;
  const { dependencies } = JSON.parse(readFileSync(resolve(root, service, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const own = bill.components.find(({ name }) => name === service)!;
  const leadsTo = new Map(bill.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  leadsTo.set(own['bom-ref'], leadsTo.get(own['bom-ref'])!.filter((ref) => nameOf(ref) in dependencies));
  const shipped = new Set([own['bom-ref']]);
  // A set goes on with what is added on the way.
  for (const ref of shipped) leadsTo.get(ref)?.forEach((next) => shipped.add(next));
  return {
    ...bill,
    metadata: { ...bill.metadata, component: own },
    components: bill.components.filter((component) => component !== own && shipped.has(component['bom-ref'])),
    dependencies: [...shipped].map((ref) => ({ ref, dependsOn: leadsTo.get(ref) ?? [] })),
  };
};
