import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createRandom } from './drill/random';
import { createStage, type Stage } from './drill/stage';
import { launchChromium } from './lib/chromium';
import { textOf, textToBe } from './lib/page';
import { waitFor } from './lib/process';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

const root = resolve(__dirname, '..');
const ORDERS = 400;
const PER_SECOND = 40;

/** Takes `docs/<name>.png` and `docs/<name>-dark.png`. */
const take = async (page: Page, name: string): Promise<void> => {
  for (const [colorScheme, file] of [['light', `docs/${name}.png`], ['dark', `docs/${name}-dark.png`]] as const) {
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
    // What the board writes from now on goes nowhere.
    document.getElementById = () => document.createElement('p');
    resolve();
  };
  look();
})`;

const open = async (browser: Browser, url: string): Promise<Page> => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(url);
  return page;
};

/** The board while the pair works. */
const takeBoard = async (browser: Browser, stage: Stage): Promise<void> => {
  const page = await open(browser, stage.a.url);
  const load = stage.load.run({ seconds: 60, orders: ORDERS });
  await waitFor('most orders on the board', async () => Number(await textOf(page, 'held')) > 0.9 * ORDERS);
  await page.evaluate(holdStill);
  await take(page, 'board');
  await load;
};

/** The operator's page in the middle of a redrive. */
const takeOperator = async (browser: Browser, stage: Stage): Promise<void> => {
  await stage.settle();
  const page = await open(browser, stage.b.url);
  await page.getByRole('button', { name: /^Put back all of these/ }).click();
  await textToBe(page, 'confirm-go', /^Put back \d/);
  await page.getByLabel('At most in a second').fill('10');
  await page.locator('#confirm-go').click();
  await textToBe(page, 'redrive-text', /^[345]\d of /);
  await page.evaluate('document.activeElement.blur()');
  await take(page, 'operator');
};

/** Pictures of both pages, on a broker of its own. The gateway takes its time, so that some orders are pending. */
const takeAll = async (browser: Browser, brokers: string): Promise<void> => {
  const stage = await createStage({
    name: 'screenshot', brokers, random: createRandom(6), perSecond: PER_SECOND, env: { PAYMENT_LATENCY_MS: '120', OPERATOR_PAGE: 'on' },
  });
  try {
    await stage.untilReady();
    await takeBoard(browser, stage);
    await takeOperator(browser, stage);
  } finally {
    await stage.close();
  }
};

runScript(async () => {
  const browser = await launchChromium();
  await withLocalBroker(({ brokers }) => takeAll(browser, brokers)).finally(() => browser.close());
});
