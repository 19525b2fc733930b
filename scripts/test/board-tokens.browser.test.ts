import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { launchChromium } from '../lib/chromium';
import { waitFor } from '../lib/process';

const writes = 'writes-0123456789abcdef';
const reads = 'reads-0123456789abcdef';
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

describe('The board in a browser, where tokens are asked for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  let stage: Stage;
  let browser: Browser;
  let evil: Server;
  const contexts: BrowserContext[] = [];

  /** A browser of somebody who, when asked, gives this password. */
  const openBrowser = async (password?: string): Promise<Page> => {
    const context = await browser.newContext(password === undefined ? {} : { httpCredentials: { username: 'somebody', password } });
    contexts.push(context);
    return context.newPage();
  };
  const textToBe = (page: Page, id: string, expected: RegExp): Promise<void> =>
    waitFor(`#${id} to read ${String(expected)}`, async () => expected.test(await page.locator(`#${id}`).innerText()), { intervalMs: 50 });
  const ordersHeld = async (): Promise<string> =>
    (await fetch(`${stage.a.url}/orders`, { headers: { Authorization: `Bearer ${reads}` } })).text();

  beforeAll(async () => {
    const file = join(folder, 'tokens');
    writeFileSync(file, `shop write ${sha256(writes)}\nguest read ${sha256(reads)}\n`);
    browser = await launchChromium();
    evil = createServer((_req, res) => void res.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Another origin</title>'));
    await new Promise<void>((resolve) => void evil.listen(0, '127.0.0.1', resolve));
    stage = await createStage({
      name: 'tokens-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(12), perSecond: 1, env: { API_TOKENS_FILE: file },
    });
    await stage.untilReady();
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    evil?.close();
    await stage?.close();
    rmSync(folder, { recursive: true });
  });

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });

  it('When nobody answers what the browser asks, then there is no board', async () => {
    const page = await openBrowser();
    // What becomes of a question to a browser that has no window to ask in.
    await expect(page.goto(stage.a.url)).rejects.toThrow('ERR_INVALID_AUTH_CREDENTIALS');
    expect(await page.locator('#orders').count()).toBe(0);
  });

  it('When a token that may write is given as the password, then the page, its files, the list and the events come, and orders are placed', async () => {
    const page = await openBrowser(writes);
    await page.goto(stage.a.url);
    await textToBe(page, 'connection', /^Live$/);
    await page.getByRole('button', { name: 'Place the order' }).click();
    await textToBe(page, 'placed', /^Accepted: /);
    await textToBe(page, 'held', /^1$/);
  });

  it('When a token that may only read is given, then orders are seen, and placing one says why not', async () => {
    const page = await openBrowser(reads);
    await page.goto(stage.a.url);
    await textToBe(page, 'connection', /^Live$/);
    await textToBe(page, 'held', /^1$/);
    await page.getByRole('button', { name: 'Place the order' }).click();
    await textToBe(page, 'placed', /^This token may only read\.$/);
  });

  it('When a page of another origin uses the password that the browser has, then it places nothing and reads nothing', async () => {
    const page = await openBrowser(writes);
    await page.goto(stage.a.url);
    await textToBe(page, 'connection', /^Live$/);
    const before = await ordersHeld();
    await page.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}`);
    const order = JSON.stringify({ userId: 'evil', amount: 1, currency: 'USD', items: [{ productId: 'a', quantity: 1, price: 1 }] });
    const attempt = (init: object): Promise<string> => page.evaluate(
      ([url, options]) => fetch(url as string, { credentials: 'include', ...(options as object) }).then((answer) => answer.type, () => 'refused'),
      [`${stage.a.url}/orders`, init],
    );
    const json = { 'Content-Type': 'application/json' };
    expect(await attempt({})).toBe('refused');
    expect(await attempt({ method: 'POST', body: order, headers: json })).toBe('refused');
    expect(await attempt({ method: 'POST', body: order, mode: 'no-cors' })).toBe('refused');
    expect(await attempt({ method: 'POST', body: order, headers: json, mode: 'no-cors' })).toBe('refused');
    // The last two were sent, with the password: what they lacked is the content type, for which a browser would have asked first.
    expect(await (await fetch(`${stage.a.url}/metrics`)).text()).toMatch(/method="POST",route="\/orders",status="415"/);
    expect(await ordersHeld()).toBe(before);
  });
});
