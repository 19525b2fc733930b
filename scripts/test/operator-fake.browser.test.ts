import type { Browser, Locator, Page } from 'playwright-core';
import { launchChromium } from '../lib/chromium';
import { complaintsOf, focusedId, isTooWide, textOf, textToBe, violationsOf } from '../lib/page';
import { waitFor } from '../lib/process';
import { aLetter, createFake } from './operator-fake';

describe('The operator\'s page in a browser, on an API that says what it is told to', () => {
  let fake: Awaited<ReturnType<typeof createFake>>;
  let browser: Browser;
  let page: Page;
  let complaints: string[] = [];

  const text = (id: string): Promise<string> => textOf(page, id);
  const reads = (id: string, expected: string | RegExp): Promise<void> => textToBe(page, id, expected);
  const rows = (): Locator => page.locator('#rows tr');
  const positions = (): Promise<string[]> => page.evaluate('[...document.getElementById("rows").rows].map(({ dataset }) => dataset.position)');
  const button = (name: string | RegExp): Locator => page.getByRole('button', { name });
  const link = (number: number): Locator => page.locator(`#rows tr[data-position="0:${number}"] a`);
  const drawer = (): Locator => page.getByRole('dialog', { name: 'Dead letter' });
  const dialog = (): Locator => page.getByRole('dialog', { name: 'Put back?' });
  const animated = (): Promise<unknown> =>
    page.evaluate('Promise.all(document.getAnimations().map(({ finished }) => finished)).then(() => true)');
  /** `count` letters, the newest first, every fifth of them of another type. */
  const letters = (count: number) => Array.from({ length: count }, (_, i) =>
    aLetter(count - i, i % 5 === 0 ? { errorType: 'GatewayUnavailableError', errorMessage: 'gateway unavailable', retryCount: 3 } : {}));

  beforeAll(async () => {
    browser = await launchChromium();
  }, 60_000);
  afterAll(() => browser.close());

  beforeEach(async () => {
    fake = await createFake();
    fake.state.letters = letters(12);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    complaints = complaintsOf(page);
    await page.goto(fake.url);
    await reads('connection', 'Live');
    await reads('held', '12');
    await page.evaluate('window.loadedOnce = true');
  });
  afterEach(async () => {
    await page.close();
    await fake.leave();
  });

  describe('the list', () => {
    it('When it is opened, then the newest are at the top, counts stand by type, and nothing is complained of', async () => {
      expect(await positions()).toEqual(fake.state.letters.map(({ position }) => position));
      expect(await text('types')).toMatch(/GatewayUnavailableError\s+3\s+0\s+0\s+PaymentDeclinedError\s+9\s+0\s+0\s+All\s+12\s+0\s+0/);
      expect(complaints).toEqual([]);
    });

    it('When something changes, then it shows without a reload, and a row that has the focus keeps it', async () => {
      await link(12).focus();
      fake.state.letters = [aLetter(13), ...fake.state.letters];
      fake.state.letters[1]!.state = 'paid';
      fake.change();
      await reads('held', '13');
      expect((await positions())[0]).toBe('0:13');
      expect(await rows().nth(1).innerText()).toMatch(/^\s*paid/);
      expect(await page.evaluate('document.activeElement.closest("tr").dataset.position')).toBe('0:12');
    });

    it('When a type, an order or a time is chosen, then those alone are shown, and a reload shows the same', async () => {
      await page.getByRole('combobox', { name: 'Type' }).selectOption('GatewayUnavailableError');
      await reads('held', '3');
      await page.reload();
      await reads('held', '3');
      expect(await page.getByRole('combobox', { name: 'Type' }).inputValue()).toBe('GatewayUnavailableError');
      await button('Show all').click();
      await reads('held', '12');
      await page.getByLabel('Order or key').fill(fake.state.letters[4]!.orderId!);
      await page.keyboard.press('Enter');
      await reads('held', '1');
      await button('Show all').click();
      const minute = new Date(Date.UTC(2026, 10, 22, 10, 1)).toISOString();
      await page.goto(`${fake.url}/#since=${minute}`);
      await reads('empty', 'No dead letters like that.');
      await page.goBack();
      await reads('held', '12');
    });

    it('When there are more than a page holds, then older ones come when they are asked for', async () => {
      fake.state.letters = letters(120);
      fake.change();
      await reads('held', '50 of 120');
      await button('Show older ones').click();
      await reads('held', '120');
      expect(await button('Show older ones').count()).toBe(0);
    });

    it('When not all has been read or some are left out, then the page says so', async () => {
      fake.state.list = { left: 1_234 };
      fake.change();
      await reads('note', '1,234 records are yet to be read: what is shown is not all.');
      fake.state.list = { cut: true };
      fake.change();
      await reads('note', /There are older ones/);
      fake.state.list = {};
      fake.change();
      await reads('note', '');
    });

    it('When the keyboard is used, then it walks the rows, chooses, opens and comes back', async () => {
      await link(12).focus();
      for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'Space']) await page.keyboard.press(key);
      expect(await page.evaluate('document.activeElement.closest("tr").dataset.position')).toBe('0:11');
      await reads('put-chosen', 'Put back the chosen (1)');
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await drawer().waitFor();
      await reads('detail-id', fake.state.letters.at(-1)!.orderId!);
      await page.keyboard.press('Escape');
      await drawer().waitFor({ state: 'hidden' });
      expect(await page.evaluate('document.activeElement.closest("tr").dataset.position')).toBe('0:1');
    });
  });

  describe('one in full', () => {
    const stack = 'PaymentDeclinedError: payment gateway declined\n    at pay';
    const detail = {
      originalTopic: 'orders', originalPartition: 2, originalOffset: '41', errorStack: stack, traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      value: { encoding: 'json', text: '{"amount":1.50}', pretty: '{\n  "amount": 1.5\n}', bytes: 15 },
      headers: [['traceparent', '00-x'], ['none', null]], traceUrl: 'http://localhost:16686/trace/4bf9',
    };

    it('When it is opened, then it tells why, where from, the original pretty and raw, headers and stack, and where else to look', async () => {
      fake.state.detail = detail;
      await link(11).click();
      await drawer().waitFor();
      await reads('detail-pretty', '{\n  "amount": 1.5\n}');
      expect(await text('detail-why')).toBe('PaymentDeclinedError: payment gateway declined');
      expect(await text('detail-facts')).toMatch(/0:11[^]*orders 2:41[^]*15 bytes, json/);
      for (const name of ['Raw', 'Headers', 'Stack']) await drawer().getByText(name, { exact: true }).click();
      expect(await text('detail-raw')).toBe('{"amount":1.50}');
      expect(await text('detail-headers')).toMatch(/traceparent\s+00-x\s+none\s+\(no value\)/);
      expect(await text('detail-stack')).toBe(stack);
      const links = await page.evaluate('[...document.querySelectorAll("#detail-links a")].map(({ href }) => href)');
      expect(links).toEqual(['http://127.0.0.1:3001/#550e8400-e29b-41d4-a716-000000000011', 'http://localhost:16686/trace/4bf9']);
      expect(page.url()).toBe(`${fake.url}/#letter=0:11`);
      await page.reload();
      await drawer().waitFor();
    });

    it('When its state changes while it is open, then it follows', async () => {
      await link(11).click();
      await reads('detail-state', 'open');
      fake.state.letters.find(({ position }) => position === '0:11')!.state = 'putBack';
      fake.change();
      await reads('detail-state', 'put back');
    });

    it('When it has no key, cannot be read or was cut, then that is said; when there is none, too', async () => {
      fake.state.letters = [aLetter(20, { orderId: null, errorType: null, errorMessage: 'no JSON' })];
      fake.state.detail = { value: { encoding: 'base64', text: 'AAEC', pretty: null, bytes: 300_000, cut: true } };
      fake.change();
      await reads('held', '1');
      expect(await rows().innerText()).toMatch(/no key, 0:20\s+unreadable no JSON/);
      await link(20).click();
      await reads('detail-value-note', 'The original is longer: this is its beginning.');
      expect(await text('detail-pretty')).toBe('AAEC');
      await page.evaluate("location.hash = 'letter=7:7'");
      await reads('detail-note', 'There is no dead letter at 7:7.');
      complaints.splice(0);
    });

    it('When a text is to become markup or script, then the policy of the page keeps it from that', async () => {
      const evil = '<img src=x onerror="window.intruded = true">';
      fake.state.letters = [aLetter(20, { orderId: evil, errorType: evil, errorMessage: evil })];
      fake.state.detail = { errorStack: evil, headers: [[evil, evil]], value: { encoding: 'utf8', text: evil, pretty: null, bytes: 40 } };
      fake.change();
      await reads('held', '1');
      await link(20).click();
      await reads('detail-pretty', evil);
      expect(await page.locator('main img, dialog img').count()).toBe(0);
      await expect(page.addScriptTag({ content: 'window.intruded = true' })).rejects.toThrow();
      await expect(page.evaluate('document.body.innerHTML = "<b>no</b>"')).rejects.toThrow(/TrustedHTML/);
      expect(await page.evaluate('window.intruded')).toBeUndefined();
    });
  });

  describe('putting back', () => {
    beforeEach(() => {
      fake.state.plan = { chosen: 12, toPutBack: 9, skipped: [{ reason: 'order is paid', count: 2 }, { reason: 'put back before', count: 1 }] };
    });

    it('When all are to be put back, then what would happen is told first, and nothing is done before it is confirmed', async () => {
      await page.getByRole('combobox', { name: 'Type' }).selectOption('GatewayUnavailableError');
      await button('Put back all of these (3)').click();
      await dialog().waitFor();
      await reads('confirm-plan', /Chosen\s+12\s+Would be put back\s+9\s+Left out: order is paid\s+2\s+Left out: put back before\s+1/);
      await dialog().getByRole('button', { name: 'Cancel' }).click();
      await dialog().waitFor({ state: 'hidden' });
      expect(fake.state.posted).toEqual([{ filter: { type: 'GatewayUnavailableError' }, dryRun: true }]);
    });

    it('When it is confirmed with a rate, then its progress shows, survives a reload, and tells what became of the orders', async () => {
      await button(/^Put back all/).click();
      await reads('confirm-go', 'Put back 9');
      await page.getByLabel('At most in a second').fill('0');
      await page.keyboard.press('Enter');
      await reads('rate-fault', 'A whole number from 1 to 999,999');
      await page.getByLabel('At most in a second').fill('20');
      await page.keyboard.press('Enter');
      await reads('redrive-text', '0 of 9 dead letters put back.');
      expect(fake.state.posted[1]).toEqual({ filter: {}, rate: 20, dryRun: false });
      expect(await focusedId(page)).toBe('redrive-heading');
      const { id } = fake.state.redrives[0]!;
      fake.move(id, { putBack: 4, paid: 1, pending: 3 });
      await reads('redrive-text', '4 of 9 dead letters put back: 1 paid, 3 pending.');
      await page.reload();
      await reads('redrive-text', '4 of 9 dead letters put back: 1 paid, 3 pending.');
      fake.move(id, { state: 'done', putBack: 8, paid: 7, failedAgain: 1, pending: 0, refused: ['0:3'] });
      await reads('redrive-text', 'Done. 8 of 9 dead letters put back: 7 paid, 1 failed again.');
      expect(await text('redrive-more')).toMatch(/2 left out: order is paid[^]*Cannot be put back: 0:3/);
      await button('Close').click();
      await page.locator('#redrive').waitFor({ state: 'hidden' });
      expect(page.url()).toBe(`${fake.url}/`);
    });

    it('When some are chosen, then those are named; when it is stopped, then the rest can be put back', async () => {
      await page.getByLabel('Choose all that are shown').check();
      await page.locator('#rows tr[data-position="0:12"] input').uncheck();
      await button('Put back the chosen (11)').click();
      await reads('confirm-go', 'Put back 9');
      await page.locator('#confirm-go').click();
      await button('Stop').click();
      await reads('redrive-text', /^Stopped\. /);
      expect(fake.state.posted[1]).toMatchObject({ positions: fake.state.letters.slice(1).map(({ position }) => position) });
      await button('Put back the rest').click();
      await reads('confirm-what', /^What was not put back\./);
      expect(await page.locator('#rows input:checked').count()).toBe(0);
    });

    it('When one is put back from its detail, then it alone is named', async () => {
      await link(11).click();
      await drawer().getByRole('button', { name: 'Put back' }).click();
      await reads('confirm-go', 'Put back 9');
      await page.locator('#confirm-go').click();
      await dialog().waitFor({ state: 'hidden' });
      await reads('redrive-text', '0 of 9 dead letters put back.');
      expect(fake.state.posted[1]).toMatchObject({ positions: ['0:11'] });
    });

    it('When there is nothing to put back, then it cannot be confirmed', async () => {
      fake.state.plan = { chosen: 12, toPutBack: 0, skipped: [{ reason: 'order is paid', count: 12 }] };
      await button(/^Put back all/).click();
      await reads('confirm-note', 'There is nothing to put back.');
      await page.locator('#confirm-go').click({ force: true });
      expect(fake.state.posted).toHaveLength(1);
    });

    it('When it is refused, then the reason is told; when another one is under way, then that one is shown', async () => {
      fake.state.refusal = { status: 503, detail: 'Too many dry runs are waiting.' };
      await button(/^Put back all/).click();
      await reads('confirm-fault', 'Too many dry runs are waiting.');
      await dialog().getByRole('button', { name: 'Cancel' }).click();
      await button(/^Put back all/).click();
      await reads('confirm-go', 'Put back 9');
      fake.state.refusal = { status: 409, detail: 'A redrive is under way: wait for it, or stop it.' };
      fake.state.redrives = [{
        ...fake.state.plan, id: 'other', state: 'running', startedAt: new Date().toISOString(), putBack: 2, paid: 0, failedAgain: 0, pending: 2, refused: [], error: null,
      }];
      await page.locator('#confirm-go').click();
      await reads('confirm-fault', 'A redrive is under way: wait for it, or stop it.');
      await dialog().getByRole('button', { name: 'Cancel' }).click();
      await reads('redrive-text', '2 of 9 dead letters put back: 2 pending.');
      expect(page.url()).toBe(`${fake.url}/#redrive=other`);
    });
  });

  describe('when service-b goes away', () => {
    it('When it is away, then the page says as of when all of it is, and is right again without a reload', async () => {
      await fake.leave();
      await reads('connection', 'Reconnecting');
      await reads('stale', /^service-b does not answer\. This is as of \d\d:\d\d:\d\d\.$/);
      await reads('standing-note', /^The service cannot be reached\. This is as of /);
      expect(await rows().count()).toBe(12);
      fake.state.letters = letters(15);
      await fake.comeBack();
      await reads('connection', 'Live');
      await reads('held', '15');
      await reads('stale', '');
      await reads('standing-note', '');
      expect(await page.evaluate('window.loadedOnce')).toBe(true);
    });

    it('When it goes in the middle of a redrive and forgets it, then the log says what was done, also after a reload', async () => {
      fake.state.plan = { chosen: 12, toPutBack: 12, skipped: [] };
      await button(/^Put back all/).click();
      await reads('confirm-go', 'Put back 12');
      await page.locator('#confirm-go').click();
      await reads('redrive-text', '0 of 12 dead letters put back.');
      fake.move(fake.state.redrives[0]!.id, { putBack: 5, pending: 5 });
      await reads('redrive-text', '5 of 12 dead letters put back: 5 pending.');
      await fake.leave();
      await reads('redrive-text', '5 of 12 dead letters put back when service-b last answered. Whether it goes on is not known.');
      fake.state.redrives = [];
      fake.state.plan = { chosen: 12, toPutBack: 5, skipped: [{ reason: 'put back before', count: 7 }] };
      await fake.comeBack();
      const told = 'service-b was started anew and no longer knows this redrive. The log says: 7 of 12 dead letters were put back, 5 can still be.';
      await reads('redrive-text', told);
      await page.reload();
      await reads('redrive-text', told);
      await button('Put back the rest').click();
      await reads('confirm-go', 'Put back 5');
    });
  });

  describe('how service-b stands', () => {
    it('When it is looked at, then each figure is there, what is wrong stands out, and its runbook opens', async () => {
      await reads('checks', /payments writable\s+yes\s+consumer joined\s+no: what to do/);
      expect(await text('partitions')).toMatch(/0\s+1,200\s+stands\s+what to do\s+1\s+0\s+yes/);
      expect(await text('gateway')).toMatch(/approved in 5 min\s+80[^]*retries in 5 min\s+3\s+calls under way\s+4 of 256\s+deadline of a call\s+10\.0 s/);
      expect(await text('group')).toMatch(/rebalances in 5 min\s+1\s+rebalances since its start\s+4/);
      await page.getByRole('link', { name: 'no: what to do, consumer joined' }).click();
      await page.waitForURL('**/page/ServiceNotReady.md');
      expect(await page.locator('body').innerText()).toMatch(/^# ServiceNotReady/);
    });

    it('When it changes, then the panel follows', async () => {
      fake.state.status.partitions[0]!.standing = false;
      await waitFor('the partition to move', async () => /1,200\s+yes/.test(await text('partitions')));
    });
  });

  describe('for everybody', () => {
    it.each(['light', 'dark'] as const)('When the page is %s, then axe finds nothing to mend, with each dialog and without', async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      fake.state.plan = { chosen: 12, toPutBack: 12, skipped: [{ reason: 'order is paid', count: 2 }] };
      fake.state.letters.forEach((letter, i) => { letter.state = (['open', 'putBack', 'paid', 'failedAgain'] as const)[i % 4]!; });
      fake.change();
      await waitFor('the states', async () => (await rows().nth(1).innerText()).includes('put back'));
      expect(await violationsOf(page)).toEqual([]);
      await link(11).click();
      await reads('detail-state', 'put back');
      await animated();
      expect(await violationsOf(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await button(/^Put back all/).click();
      await reads('confirm-go', 'Put back 12');
      await animated();
      expect(await violationsOf(page)).toEqual([]);
      await page.locator('#confirm-go').click();
      await reads('redrive-text', '0 of 12 dead letters put back.');
      await animated();
      expect(await violationsOf(page)).toEqual([]);
    });

    it.each([320, 640, 900])('When the page is %d px wide, then nothing has to be scrolled sideways', async (width) => {
      await page.setViewportSize({ width, height: 700 });
      expect(await isTooWide(page)).toBe(false);
      expect(await page.evaluate('document.getElementById("letters").scrollWidth <= document.getElementById("letters").clientWidth')).toBe(true);
    });
  });
});
