import { mkdirSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { billOf, services } from './lib/bill';

const root = resolve(__dirname, '..');

/** Writes the bill of materials of each service, CycloneDX in JSON: sbom/service-a.cdx.json and so on. */
mkdirSync(resolve(root, 'sbom'), { recursive: true });
for (const service of services) {
  const path = resolve(root, 'sbom', `${service}.cdx.json`);
  const bill = billOf(service);
  writeFileSync(path, `${JSON.stringify(bill, undefined, 2)}\n`);
  console.log(`${relative(root, path)}: ${bill.components.length} packages`);
}
