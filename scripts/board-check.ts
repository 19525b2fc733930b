import { setTimeout as sleep } from 'node:timers/promises';
import { launchChromium } from './lib/chromium';
import { waitFor } from './lib/process';
import { runScript } from './lib/run-script';

const usage = 'usage: npx ts-node scripts/board-check.ts [url] [seconds]';

/** One that may write, where service-a asks for a token. */
const token = process.env.API_TOKEN ?? '';

/** Places orders by the form of a running board, for some seconds, and waits until each has come to its end. */
const check = async (url: string, seconds: number): Promise<void> => {
  if (!URL.canParse(url) || !(seconds > 0)) throw new Error(usage);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({
      viewport: { width: 1280, height: 900 }, ...(token !== '' && { httpCredentials: { username: 'board-check', password: token } }),
    });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    const textOf = (id: string): Promise<string> => page.locator(`#${id}`).innerText();
    // A page whose files are cut off, by an instance that dies just then, is loaded once more: so does a person.
    const open = async (): Promise<void> => {
      await page.goto(url);
      await waitFor('the board to be live', async () => await textOf('connection') === 'Live', { timeoutMs: 10_000 });
    };
    await open().catch(() => {
      errors.length = 0;
      return open();
    });
    await page.evaluate('window.loadedOnce = true');
    await page.locator('#fate').selectOption('');
    const placed: string[] = [];
    const until = Date.now() + seconds * 1_000;
    while (Date.now() < until) {
      await page.getByRole('button', { name: 'Place the order' }).click();
      await sleep(300);
      const [, orderId] = /^Accepted: (\S+)$/.exec(await textOf('placed')) ?? [];
      if (orderId !== undefined && orderId !== placed.at(-1)) placed.push(orderId);
    }
    if (placed.length < seconds / 2) throw new Error(`only ${placed.length} orders were accepted in ${seconds} s: ${await textOf('placed')}`);
    await waitFor('the board to be live', async () => await textOf('connection') === 'Live');
    await waitFor('no order to be pending', async () => await textOf('pending') === '0');
    const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
    for (const orderId of placed) {
      const { status } = await (await fetch(`${url}/orders/${orderId}`, { headers })).json() as { status: string };
      if (status !== 'completed' && status !== 'failed') throw new Error(`${orderId} is ${status}`);
    }
    if (await page.evaluate('window.loadedOnce') !== true) throw new Error('the page was loaded anew');
    if (errors.length > 0) throw new Error(errors.join('; '));
    console.log(`${placed.length} orders were placed on the board and came to their end`);
  } finally {
    await browser.close();
  }
};

runScript(() => check(process.argv[2] ?? 'http://127.0.0.1:3001', Number(process.argv[3] ?? 10)));
