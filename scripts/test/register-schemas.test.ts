import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

type Answer = { status: number; body: unknown };
type Asked = { what: string; body: unknown; authorization: string | undefined };

describe('kafka/register-schemas.sh', () => {
  const folder = mkdtempSync(join(tmpdir(), 'register-schemas-'));
  const file = join(folder, 'orders-value.avsc');
  let server: Server;
  let asked: Asked[];
  /** Answers other than those of a registry that has nothing against it. */
  let answers: Record<string, Answer>;

  const usual: Record<string, Answer> = {
    'GET /subjects': { status: 200, body: [] },
    'PUT /config/orders-value': { status: 200, body: {} },
    'POST /compatibility/subjects/orders-value/versions?verbose=true': { status: 200, body: { is_compatible: true } },
    'POST /subjects/orders-value/versions': { status: 200, body: { id: 7 } },
  };

  beforeAll(async () => {
    writeFileSync(file, '{\n  "type": "record",\t"name": "A",\n  "doc": "a \\"quoted  text\\"",\n  "fields": []\n}\n');
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const what = `${request.method} ${request.url?.replace('/api', '')}`;
        asked.push({ what, body: text === '' ? undefined : JSON.parse(text), authorization: request.headers.authorization });
        const { status, body } = answers[what] ?? usual[what] ?? { status: 404, body: {} };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  });
  beforeEach(() => {
    asked = [];
    answers = {};
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const register = (env: Record<string, string> = {}): Promise<{ code: number; said: string }> => new Promise((ended) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`;
    execFile('bash', [resolve(__dirname, '../../kafka/register-schemas.sh'), file],
      { env: { PATH: process.env['PATH'], REGISTRY_URL: url, ...env } },
      (error, stdout, stderr) => ended({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }));
  });

  test('When a schema fits, then its subject is strict, and it is compared and registered as the text that JSON.stringify makes of it', async () => {
    expect(await register()).toEqual({ code: 0, said: 'orders-value is registered: id 7\n' });
    const schema = JSON.stringify({ type: 'record', name: 'A', doc: 'a "quoted  text"', fields: [] });
    expect(asked.map(({ what, body }) => [what, body])).toEqual([
      ['GET /subjects', undefined],
      ['PUT /config/orders-value', { compatibility: 'FULL_TRANSITIVE' }],
      ['POST /compatibility/subjects/orders-value/versions?verbose=true', { schema }],
      ['POST /subjects/orders-value/versions', { schema }],
    ]);
  });

  test('When it is not compatible with what is registered, then it is refused with the reason and not registered', async () => {
    answers['POST /compatibility/subjects/orders-value/versions?verbose=true'] = { status: 200, body: { is_compatible: false, messages: ['for a reason'] } };
    const { code, said } = await register();
    expect([code, said]).toEqual([1, expect.stringMatching(/^orders-value: .* is refused, .*FULL_TRANSITIVE.*for a reason/)]);
    expect(asked.map(({ what }) => what)).not.toContain('POST /subjects/orders-value/versions');
  });

  test('When the registry has no rules for a subject that it does not have, then the rule follows the schema', async () => {
    let puts = 0;
    Object.defineProperty(answers, 'PUT /config/orders-value', { get: () => (puts++ === 0 ? { status: 404, body: {} } : undefined) });
    answers['POST /compatibility/subjects/orders-value/versions?verbose=true'] = { status: 404, body: {} };
    expect((await register()).code).toBe(0);
    expect(asked.map(({ what }) => what.split(' ')[0])).toEqual(['GET', 'PUT', 'POST', 'POST', 'PUT']);
  });

  test('When it asks for a password, then it gets the one of the file, and who has a wrong one is told at once', async () => {
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'a"b\\c d\n');
    expect((await register({ REGISTRY_USERNAME: 'deploy', REGISTRY_PASSWORD_FILE: passwordFile })).code).toBe(0);
    expect(asked.map(({ authorization }) => authorization)).toEqual(Array(4).fill(`Basic ${Buffer.from('deploy:a"b\\c d').toString('base64')}`));
    answers['GET /subjects'] = { status: 401, body: {} };
    expect(await register({ REGISTRY_USERNAME: 'deploy', REGISTRY_PASSWORD_FILE: passwordFile }))
      .toEqual({ code: 1, said: expect.stringContaining('does not let deploy in (401)') as string });
  });

  test('When the registry does not come within the limit, then it says so', async () => {
    answers['GET /subjects'] = { status: 503, body: {} };
    expect(await register({ REGISTRY_WAIT_SECONDS: '1' })).toEqual({ code: 1, said: expect.stringContaining('in 1 s (last: 503 {})') as string });
  });
});
