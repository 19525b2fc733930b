import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const documented = readFileSync(join(root, 'docs/logging.md'), 'utf8');

const messagesIn = (service: string): string[] => readdirSync(join(root, service, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => [...readFileSync(join(root, service, 'src', file), 'utf8').matchAll(/(?:logger\.(?:debug|info|warn|error)|trail\.log)\('([^']+)'/g)])
  .map(([, message]) => message!);

describe('docs/logging.md', () => {
  test.each(['service-a', 'service-b'])('When %s can log a message, then it is documented', (service) => {
    const messages = messagesIn(service);
    expect(messages.length).toBeGreaterThan(15);
    expect(messages.filter((message) => !documented.includes(`\`${message}\``))).toEqual([]);
  });
});
