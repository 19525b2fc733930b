import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createRandom } from './drill/random';
import { createStage } from './drill/stage';
import { launchChromium } from './lib/chromium';
import { waitFor } from './lib/process';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

const root = resolve(__dirname, '..');
const ORDERS = 400;
const PER_SECOND = 40;

const pictures = [{ colorScheme: 'light', file: 'docs/board.png' }, { colorScheme: 'dark', file: 'docs/board-dark.png' }] as const;

const take = async (page: Page): Promise<void> => {
  for (const { colorScheme, file } of pictures) {
    await page.emulateMedia({ colorScheme });
    const path = resolve(root, file);
    await page.screenshot({ path });
    console.log(`${relative(root, path)}: ${Math.ceil((await stat(path)).size / 1_000)} kB`);
  }
};

/** Counts come once a second, orders at once: the page is replaced by a copy of itself at a moment when both say the same. */
const holdStill = `new Promise((resolve) => {
  const numberOf = (id) => Number(document.getElementById(id).innerText);
  const look = () => {
    const all = numberOf('pending') + numberOf('completed') + numberOf('failed');
    if (all !== numberOf('held') || numberOf('pending') === 0) return requestAnimationFrame(look);
    for (const input of document.querySelectorAll('input')) input.setAttribute('value', input.value);
    document.body.replaceWith(document.body.cloneNode(true));
    resolve();
  };
  look();
})`;

/** Pictures of the board while the pair works, on a broker of its own. The gateway takes its time, so that some orders are pending. */
const takeAll = async (browser: Browser, brokers: string): Promise<void> => {
  const stage = await createStage({
    name: 'screenshot', brokers, random: createRandom(6), perSecond: PER_SECOND, env: { PAYMENT_LATENCY_MS: '120' },
  });
  try {
    await stage.untilReady();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(stage.a.url);
    const load = stage.load.run({ seconds: 60, orders: ORDERS });
    await waitFor('most orders on the board', async () => Number(await page.locator('#held').innerText()) > 0.9 * ORDERS);
    await page.evaluate(holdStill);
    await take(page);
    await load;
  } finally {
    await stage.close();
  }
};

runScript(async () => {
  const browser = await launchChromium();
  await withLocalBroker(({ brokers }) => takeAll(browser, brokers)).finally(() => browser.close());
});
