import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { licencesPage, shippedPackages } from './lib/licences';

writeFileSync(resolve(__dirname, '../docs/licences.md'), licencesPage(shippedPackages()));
