import type { Browser, Page } from 'playwright-core';
import { checkInvariants, redriveCountOf } from '../drill/invariants';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { launchChromium } from '../lib/chromium';
import { complaintsOf, textOf, textToBe, violationsOf } from '../lib/page';
import { waitFor } from '../lib/process';

const DECLINED = 'PaymentDeclinedError';

describe('The operator\'s page in a browser', () => {
  let stage: Stage;
  let browser: Browser;
  let page: Page;
  let other: Page;
  let complaints: string[] = [];

  const reads = (id: string, expected: string | RegExp, where = page): Promise<void> => textToBe(where, id, expected, 30_000);
  const open = async (): Promise<Page> => {
    const opened = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await opened.goto(stage.b.url);
    await reads('connection', 'Live', opened);
    await opened.evaluate('window.loadedOnce = true');
    return opened;
  };
  /** Until so many are held and each has its row: the page shows fifty at first. */
  const showAll = async (count: number, where = page): Promise<void> => {
    if (count > 50) {
      await reads('held', `50 of ${count}`, where);
      await where.getByRole('button', { name: 'Show older ones' }).click();
    }
    await reads('held', String(count), where);
  };
  /** State and position of each row, as a reader sees them. */
  const rows = (where = page): Promise<{ position: string; state: string }[]> => where.evaluate(
    '[...document.getElementById("rows").rows].map((row) => ({ position: row.dataset.position, state: row.querySelector(".status").textContent }))');
  const statesOf = async (where: Page): Promise<Map<string, string>> =>
    new Map((await rows(where)).map(({ position, state }) => [position, state]));
  const deadLetters = async (): Promise<{ position: string; orderId: string; errorType: string }[]> =>
    (await readTopic(stage.reach, stage.topics.deadLetters)).map(({ partition, offset, key, value }) => ({
      position: `${partition}:${offset}`, orderId: String(key), errorType: (JSON.parse(String(value)) as { errorType: string }).errorType,
    }));
  const paid = async (): Promise<Set<string>> =>
    new Set((await readTopic(stage.reach, stage.topics.payments)).map(({ key }) => String(key)));
  const putBack = async (): Promise<number> =>
    (await readTopic(stage.reach, stage.topics.orders)).filter((record) => redriveCountOf(record) > 0).length;
  const countOf = (text: string, word: RegExp): number => Number((word.exec(text)?.[1] ?? '0').replaceAll(',', ''));
  const chooseType = (where: Page): Promise<string[]> => where.getByRole('combobox', { name: 'Type' }).selectOption(DECLINED);
  const asks = (where: Page): Promise<boolean> => where.evaluate('document.getElementById("confirm").open');
  const askForAll = async (where: Page): Promise<void> => {
    await where.getByRole('button', { name: /^Put back all of these/ }).click();
    await reads('confirm-go', /^Put back [1-9]/, where);
  };

  beforeAll(async () => {
    browser = await launchChromium();
    stage = await createStage({
      name: 'operator-page', brokers: process.env.KAFKA_BROKERS!, random: createRandom(18), perSecond: 200,
      env: { OPERATOR_PAGE: 'on', PAYMENT_SUCCESS_RATE: '0.8' },
    });
    await stage.untilReady();
    page = await open();
    complaints = complaintsOf(page);
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  it('When there is no dead letter yet, then the page says so, and how service-b stands', async () => {
    await reads('empty', 'No dead letters.');
    await reads('checks', /consumer joined\s+yes/);
    await reads('partitions', /0\s+0\s+yes\s+1\s+0\s+yes\s+2\s+0\s+yes/);
  });

  it('When 200 orders come, then their dead letters appear, each of them, counted by type', async () => {
    await stage.load.run({ seconds: 2, orders: 200 });
    await stage.settle();
    const letters = await deadLetters();
    expect(letters.length).toBeGreaterThan(25);
    await showAll(letters.length);
    expect((await rows()).map(({ position }) => position).sort()).toEqual(letters.map(({ position }) => position).sort());
    expect(await textOf(page, 'types')).toMatch(new RegExp(`${DECLINED}\\s+${letters.filter(({ errorType }) => errorType === DECLINED).length}\\s+0\\s+0`));
    await reads('gateway', /approved in 5 min\s+1\d\d/);
  });

  it('When one is opened, then its original, where it came from and its order on the board are there', async () => {
    const { position, orderId } = (await deadLetters())[0]!;
    await page.locator(`#rows tr[data-position="${position}"] a`).click();
    await reads('detail-pretty', new RegExp(`"orderId": "${orderId}"`));
    expect(await textOf(page, 'detail-facts')).toMatch(new RegExp(`${stage.topics.orders} \\d:\\d+`));
    expect(await page.getByRole('link', { name: 'The order on the board' }).getAttribute('href')).toBe(`http://127.0.0.1:3001/#${orderId}`);
    await page.keyboard.press('Escape');
  });

  it('When a filter is put back from two windows at once, then both see one redrive and its outcomes, and each letter is put back once', async () => {
    other = await open();
    await chooseType(page);
    await chooseType(other);
    const chosen = (await deadLetters()).filter(({ errorType }) => errorType === DECLINED);
    await Promise.all([page, other].map((where) => showAll(chosen.length, where)));
    await Promise.all([page, other].map(askForAll));
    // So slow that the second comes while the first is under way.
    await Promise.all([page, other].map((where) => where.getByLabel('At most in a second').fill('20')));
    await Promise.all([page, other].map((where) => where.locator('#confirm-go').click()));
    await waitFor('one of the windows to have begun it', async () => !await asks(page) || !await asks(other));
    expect(await asks(page) || await asks(other)).toBe(true);
    for (const where of [page, other]) if (await asks(where)) await where.keyboard.press('Escape');
    const told = new RegExp(`^Done\\. ${chosen.length} of ${chosen.length} dead letters put back: (?!.*pending)`);
    await Promise.all([page, other].map((where) => reads('redrive-text', told, where)));
    await stage.settle();
    const charged = await paid();
    const expected = chosen.map(({ position, orderId }) => ({ position, state: charged.has(orderId) ? 'paid' : 'failed again' }));
    await waitFor('the outcome of each in both windows', async () => {
      // What failed again comes above the chosen ones, and a window shows fifty at first.
      for (const where of [page, other]) if (await where.locator('#more').isVisible()) await where.locator('#more').click();
      const seen = await Promise.all([page, other].map(statesOf));
      return seen.every((states) => expected.every(({ position, state }) => states.get(position) === state));
    });
    const paidNow = expected.filter(({ state }) => state === 'paid').length;
    expect(paidNow).toBeGreaterThan(15);
    expect(await textOf(page, 'redrive-text')).toContain(`${paidNow} paid`);
    expect(await putBack()).toBe(chosen.length);
    expect((await checkInvariants(stage)).violations).toEqual([]);
  });

  it('When service-b is killed in the middle of a redrive, then the page is right again without a reload and tells what was done', async () => {
    await other.close();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Show all' }).click();
    await stage.load.run({ seconds: 1, orders: 100 });
    await stage.settle();
    const [letters, before] = [await deadLetters(), await putBack()];
    await showAll(letters.length);
    await askForAll(page);
    const planned = countOf(await textOf(page, 'confirm-go'), /Put back (\d+)/);
    expect(planned).toBeGreaterThan(10);
    await page.getByLabel('At most in a second').fill('4');
    await page.locator('#confirm-go').click();
    await reads('redrive-text', new RegExp(`^[3-9] of ${planned} dead letters put back`));
    await stage.b.kill();
    await reads('connection', 'Reconnecting');
    await reads('stale', /^service-b does not answer\. This is as of /);
    await reads('redrive-text', /when service-b last answered\. Whether it goes on is not known\.$/);
    await reads('connection', 'Live');
    await reads('stale', '');
    await reads('redrive-text', /The log says: /);
    await stage.settle();
    const done = await putBack() - before;
    expect(done).toBeGreaterThanOrEqual(3);
    expect(done).toBeLessThan(planned);
    const told = `The log says: ${done} of ${planned} dead letters were put back, ${planned - done} can still be.`;
    expect(await textOf(page, 'redrive-text')).toContain(told);
    await waitFor('the list to be that of the topic', async () => {
      const [shown, now] = [await rows(), await deadLetters()];
      return shown.length === now.length && now.every(({ position }) => shown.some((row) => row.position === position));
    });
    await page.getByRole('button', { name: 'Put back the rest' }).click();
    await reads('confirm-go', /^Put back [1-9]/);
    await page.locator('#confirm-go').click();
    await reads('redrive-text', /^Done\. (?!.*pending)/);
    await stage.settle();
    expect((await checkInvariants(stage)).violations).toEqual([]);
    const charged = await paid();
    await waitFor('every row to say what became of it', async () => {
      const orderOf = new Map((await deadLetters()).map(({ position, orderId }) => [position, orderId]));
      return (await rows()).every(({ position, state }) => (state === 'paid') === charged.has(orderOf.get(position)!));
    });
    expect(await page.evaluate('window.loadedOnce')).toBe(true);
  });

  it.each(['light', 'dark'] as const)('When the page is %s, then axe finds nothing to mend', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await violationsOf(page)).toEqual([]);
    // What a browser says of a server that is away, of a redrive that is not known any more, and of one that was refused.
    expect(complaints.filter((complaint) => !/Failed to load resource/.test(complaint))).toEqual([]);
  });
});
