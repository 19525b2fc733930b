import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { checkSchema } from './lib/compatibility';
import { runScript } from './lib/run-script';

const folder = resolve(__dirname, '../kafka/schemas');
const text = (...path: string[]): string => readFileSync(resolve(folder, ...path), 'utf8');

/** The texts of the versions of a subject that were registered; throws where one is missing in between. */
const registeredOf = (subject: string): string[] => {
  const kept = resolve(folder, 'registered', subject);
  const files = existsSync(kept) ? readdirSync(kept) : [];
  return files.map((_, index) => {
    const name = `${index + 1}.avsc`;
    if (!files.includes(name)) throw new Error(`kafka/schemas/registered/${subject} has ${files.join(', ')}, but not ${name}`);
    return text('registered', subject, name);
  });
};

/** Holds kafka/schemas against the versions that were registered, without a registry: what would be refused there is refused here. */
const main = async (): Promise<number> => {
  const subjects = readdirSync(folder).filter((file) => file.endsWith('.avsc')).map((file) => basename(file, '.avsc'));
  let broken = 0;
  for (const subject of subjects) {
    const registered = registeredOf(subject);
    const now = text(`${subject}.avsc`);
    const faults = checkSchema(subject, now, registered);
    for (const fault of faults) console.error(fault);
    broken += faults.length;
    if (faults.length > 0) continue;
    const isNew = registered.at(-1) !== now;
    console.log(`${subject}: goes with ${registered.length} registered ${registered.length === 1 ? 'version' : 'versions'}${
      isNew ? `; it is a new one: once registered, keep it as registered/${subject}/${registered.length + 1}.avsc` : ''}`);
  }
  if (broken > 0) console.error('Each version has to read what any other one wrote (FULL_TRANSITIVE): give an added field a default (docs/evolution.md).');
  return broken === 0 ? 0 : 1;
};

runScript(main);
