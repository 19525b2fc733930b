import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { readPage } from '../../src/routes/static-page';
import { anApp } from '../support/http';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const aFolder = (files: Record<string, string>): string => {
  const parent = mkdtempSync(join(tmpdir(), 'page-'));
  folders.push(parent);
  const folder = join(parent, 'board');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
};

const anAppWithBoard = () => anApp({
  board: readPage(aFolder({ 'index.html': '<!doctype html>', 'main.js': 'run();', 'board.css': 'p {}', 'icon.svg': '<svg/>', 'runbook.md': '# What to do', 'notes.txt': 'no' })),
}).app;

test.each([
  ['/', 'text/html; charset=utf-8', '<!doctype html>'],
  ['/board/main.js', 'text/javascript; charset=utf-8', 'run();'],
  ['/board/board.css', 'text/css; charset=utf-8', 'p {}'],
  ['/board/runbook.md', 'text/plain; charset=utf-8', '# What to do'],
])('When %s is asked for, then it comes as %s', async (path, type, text) => {
  const response = await request(anAppWithBoard()).get(path);
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe(type);
  expect(response.text).toBe(text);
});

test('When the icon is asked for, then it comes as an image', async () => {
  const { status, headers } = await request(anAppWithBoard()).get('/board/icon.svg');
  expect([status, headers['content-type']]).toEqual([200, 'image/svg+xml']);
});

test.each(['/board/notes.txt', '/board/', '/board/index.html', '/board/..%2Findex.js'])('When %s is asked for, then it is 404', async (path) => {
  expect((await request(anAppWithBoard()).get(path)).status).toBe(404);
});

test('When the page is asked for, then nothing may run in it, style it or be called from it but what is here', async () => {
  const { headers } = await request(anAppWithBoard()).get('/');
  expect(headers['content-security-policy']!.split(';').sort()).toEqual([
    "base-uri 'none'", "connect-src 'self'", "default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "img-src 'self'",
    "require-trusted-types-for 'script'", "script-src 'self'", "style-src 'self'", "trusted-types 'none'",
  ]);
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
});

test('When a browser has a file already, then it asks whether that is still the same', async () => {
  const app = anAppWithBoard();
  const { headers } = await request(app).get('/board/main.js');
  expect(headers['cache-control']).toBe('no-cache');
  expect((await request(app).get('/board/main.js').set('If-None-Match', headers['etag']!)).status).toBe(304);
  expect((await request(app).get('/').set('If-None-Match', headers['etag']!)).status).toBe(200);
});

test('When the page is asked for by another method, then it is 405 with what is allowed', async () => {
  const app = anAppWithBoard();
  const { status, headers } = await request(app).post('/');
  expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
  expect((await request(app).head('/')).status).toBe(200);
});

test('When the board was not built, then reading it fails', () => {
  expect(() => readPage('/nowhere/dist/board')).toThrow('/nowhere/dist/board');
});
