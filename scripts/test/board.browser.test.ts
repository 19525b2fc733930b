import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { Browser, Locator, Page } from 'playwright-core';
import type { Order } from '../drill/load';
import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { launchChromium } from '../lib/chromium';
import { complaintsOf, focusedId, textOf, textToBe as readsSo, violationsOf } from '../lib/page';
import { waitFor } from '../lib/process';

const approved = '550e8400-e29b-41d4-a716-446655440000';
const declined = '550e8400-e29b-41d4-a716-446655440002';
const unavailable = '550e8400-e29b-41d4-a716-446655440446';

type Row = { index: number; orderId: string; status: string };
type View = { orderId: string; status: string };

describe('The board in a browser', () => {
  let stage: Stage;
  let browser: Browser;
  let page: Page;
  let producer: Producer;
  let complaints: string[] = [];

  const grid = (): Locator => page.getByRole('grid', { name: 'Newest orders' });
  const rowOf = (orderId: string): Locator => page.locator('#rows [role="row"]', { hasText: orderId });
  const drawer = (): Locator => page.getByRole('dialog', { name: 'Order' });
  const text = (id: string): Promise<string> => textOf(page, id);
  const textToBe = (id: string, expected: string | RegExp, timeoutMs?: number): Promise<void> => readsSo(page, id, expected, timeoutMs);
  const numberIn = async (id: string): Promise<number> => Number((await text(id)).replaceAll(',', ''));
  const rowCount = async (): Promise<number> => Number(await grid().getAttribute('aria-rowcount')) - 1;
  const focused = (): Promise<string> => focusedId(page);
  const activeRow = async (): Promise<number> => {
    const id = await grid().getAttribute('aria-activedescendant');
    return Number(await page.locator(`#${id}`).getAttribute('aria-rowindex'));
  };

  /** Whatever the board holds, read as a reader would: by scrolling through it. */
  const readRows = async (): Promise<Row[]> => {
    const rows = new Map<number, Row>();
    const height: number = await page.evaluate('document.getElementById("rows").clientHeight');
    for (let top = 0; top < height + 1_000; top += 1_000) {
      const seen: Row[] = await page.evaluate(`new Promise((resolve) => {
        document.getElementById('orders').scrollTop = ${top};
        requestAnimationFrame(() => requestAnimationFrame(() => resolve([...document.querySelectorAll('#rows [role="row"]')].map(
          ({ ariaRowIndex, children: [status, id] }) => ({ index: Number(ariaRowIndex), status: status.textContent, orderId: id.ariaLabel })))));
      })`);
      for (const row of seen) rows.set(row.index, row);
    }
    await page.evaluate('document.getElementById("orders").scrollTop = 0');
    return [...rows.values()].sort((a, b) => a.index - b.index);
  };

  const readList = async (): Promise<View[]> => {
    const orders: View[] = [];
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await stage.load.client.send('GET', `/orders?limit=500${query}`);
      const answer = JSON.parse(body) as { orders: View[]; next?: string };
      orders.push(...answer.orders);
      cursor = answer.next;
    } while (cursor !== undefined);
    return orders;
  };

  /** Waits until every order has finished and the board shows the same as the list. */
  const expectSameAsList = async (): Promise<void> => {
    let expected: View[] = [];
    let seen: View[] = [];
    const same = async (): Promise<boolean> => {
      expected = (await readList().catch(() => [])).map(({ orderId, status }) => ({ orderId, status }));
      const finished = expected.length > 0 && expected.every(({ status }) => status !== 'pending');
      if (!finished || await rowCount() !== expected.length) return false;
      seen = (await readRows()).map(({ orderId, status }) => ({ orderId, status }));
      return JSON.stringify(seen) === JSON.stringify(expected);
    };
    await waitFor('the board to show the list', same, { timeoutMs: 40_000, intervalMs: 250 }).catch((error: unknown) => {
      // The difference says more than that there is one.
      expect(seen).toEqual(expected);
      throw error;
    });
    await textToBe('pending', '0');
  };

  /** Holds the first rows against the list, for boards that hold too much to be read in whole. */
  const expectSameTop = async (): Promise<void> => {
    const { body } = await stage.load.client.send('GET', '/orders?limit=10');
    const newest = (JSON.parse(body) as { orders: View[] }).orders.map(({ orderId }) => orderId);
    await waitFor('the newest orders at the top of the board', async () =>
      (await page.locator('#rows .id').allTextContents()).slice(0, 10).join() === newest.join());
  };

  const anOrder = (): Order => ({
    orderId: stage.random.uuid(), userId: 'user-123', amount: 99.99, currency: 'USD',
    items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
  });

  /** Writes orders past service-a, as another producer would. */
  const produce = async (orders: Order[]): Promise<void> => {
    for (let from = 0; from < orders.length; from += 1_000) {
      const timestamp = new Date().toISOString();
      await producer.send({ topic: stage.topics.orders, messages: orders.slice(from, from + 1_000).map((data) => ({
        key: data.orderId, value: JSON.stringify({ eventType: 'ORDER_CREATED', eventId: data.orderId, timestamp, data }),
      })) });
    }
  };

  const fill = async (fields: Record<string, string>): Promise<void> => {
    for (const [label, value] of Object.entries(fields)) {
      await page.locator('#place').getByLabel(label, { exact: true }).fill(value);
    }
  };
  const choose = (orderId: string): Promise<string[]> => page.locator('#fate').selectOption(orderId);
  const place = (): Promise<void> => page.getByRole('button', { name: 'Place the order' }).click();

  const expectAccessible = async (): Promise<void> => expect(await violationsOf(page)).toEqual([]);

  beforeAll(async () => {
    browser = await launchChromium();
    stage = await createStage({ name: 'board-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(11), perSecond: 100 });
    await stage.untilReady();
    producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    complaints = complaintsOf(page);
    await page.goto(stage.a.url);
    await textToBe('connection', 'Live');
    await page.evaluate('window.loadedOnce = true');
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await producer?.disconnect();
    await stage?.close();
  });

  it('When there is no order yet, then the board says so', async () => {
    await textToBe('empty', 'No orders.');
    expect(await numberIn('completed')).toBe(0);
  });

  it('When a text is to become markup or script, then the policy of the page keeps it from that', async () => {
    await expect(page.addScriptTag({ content: 'window.intruded = true' })).rejects.toThrow();
    await expect(page.evaluate('document.body.innerHTML = "<b>no</b>"')).rejects.toThrow(/TrustedHTML/);
    expect(await page.evaluate('window.intruded')).toBeUndefined();
    expect(complaints.splice(0).filter((complaint) => !/Trusted(?:HTML|Script)/.test(complaint))).toEqual([]);
  });

  it('When an order is placed by the form, then it appears and reaches its state', async () => {
    await choose(approved);
    await place();
    await textToBe('placed', `Accepted: ${approved}`);
    await rowOf(approved).getByText('completed').waitFor();
    await textToBe('completed', '1');
    await choose(declined);
    await place();
    await rowOf(declined).getByText('failed').waitFor();
    await textToBe('failed', '1');
    expect((await readRows()).map(({ orderId }) => orderId)).toEqual([declined, approved]);
    expect(await text('median')).toMatch(/^\d+ ms$/);
  });

  it('When the same order is placed again, then the board says that it is answered again', async () => {
    await choose(approved);
    await place();
    await textToBe('placed', `This order was placed before, so it is answered again: ${approved} is completed.`);
    expect(await rowCount()).toBe(2);
  });

  it('When another order is placed under a known id, then the answer says what is wrong and where the order is', async () => {
    await fill({ Amount: '1' });
    await place();
    await textToBe('placed', `This orderId stands for another order. It is ${approved}`);
    await fill({ Amount: '99.99' });
    expect(complaints.splice(0)).toEqual([expect.stringContaining('409')]);
  });

  it('When fields are at fault, then each says what is wrong, and the first one has the focus', async () => {
    await choose('');
    await fill({ Amount: '-1', Currency: 'dollars', Product: '' });
    await place();
    await textToBe('amount-fault', /expected number to be >0/);
    expect(await text('currency-fault')).not.toBe('');
    expect(await text('product-fault')).not.toBe('');
    expect(await page.evaluate('[...document.querySelectorAll("#place [aria-invalid=true]")].map(({ id }) => id)'))
      .toEqual(['amount', 'currency', 'product']);
    expect(await focused()).toBe('amount');
    await fill({ Amount: '99.99', Currency: 'USD', Product: 'prod-001' });
    await place();
    await textToBe('placed', /^Accepted: /);
    expect(await page.locator('#place [aria-invalid="true"]').count()).toBe(0);
    expect(complaints.splice(0)).toEqual([expect.stringContaining('400')]);
  });

  it('When there is no room for an order, then it is posted again after the time that service-a asks for', async () => {
    let refusedAt = 0;
    await page.route('**/orders', (route) => {
      refusedAt = Date.now();
      return route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, contentType: 'application/problem+json', body: '{"detail":"Too many orders are waiting."}' });
    }, { times: 1 });
    await place();
    await textToBe('placed', 'No room at the moment: posted again in 1 s …');
    await textToBe('placed', /^Accepted: /);
    expect(Date.now() - refusedAt).toBeGreaterThanOrEqual(1_000);
    expect(complaints.splice(0)).toEqual([expect.stringContaining('503')]);
  });

  it('When an order failed, then its detail tells why and after how many retries', async () => {
    await choose(unavailable);
    await place();
    await rowOf(unavailable).getByText('failed').waitFor();
    await rowOf(unavailable).click();
    await drawer().waitFor();
    expect(page.url()).toBe(`${stage.a.url}/#${unavailable}`);
    expect(await text('detail-history')).toMatch(/Created[^]*Failed[^]*gateway unavailable \(GatewayUnavailableError, 3 retries\)/);
    await drawer().getByText('JSON', { exact: true }).click();
    const { body } = await stage.load.client.send('GET', `/orders/${unavailable}`);
    expect(JSON.parse(await text('detail-json'))).toEqual(JSON.parse(body));
    await drawer().getByRole('button', { name: 'Close' }).click();
    await page.waitForURL(`${stage.a.url}/`);
  });

  it('When a failed order is redriven, then its open detail follows', async () => {
    await rowOf(declined).click();
    await textToBe('detail-attempts', '1');
    expect((await stage.dlt(['redrive', '--order', declined, '--yes']).ended).code).toBe(0);
    await textToBe('detail-attempts', '2');
    await textToBe('detail-history', /payment gateway declined[^]*Redriven: attempt 2[^]*(?:Failed|Completed)/);
    await page.keyboard.press('Escape');
    await drawer().waitFor({ state: 'hidden' });
  });

  it('When the address names an order, then its detail is open; when there is none such, then it says so', async () => {
    const other = await browser.newPage();
    const reason = other.getByRole('dialog').getByText('gateway unavailable').first();
    await other.goto(`${stage.a.url}/#${unavailable}`);
    await reason.waitFor();
    await other.evaluate(`location.hash = '${stage.random.uuid()}'`);
    await other.getByText('There is no order with this id.').waitFor();
    await other.goBack();
    await reason.waitFor();
    await other.close();
  });

  it('When a burst is placed, then all of its orders are accepted and reach their states', async () => {
    const before = await rowCount();
    await page.getByLabel('Orders', { exact: true }).fill('0');
    await page.getByRole('button', { name: 'Place them' }).click();
    await textToBe('count-fault', 'A whole number from 1 to 10,000');
    await page.getByLabel('Orders', { exact: true }).fill('200');
    await page.getByRole('button', { name: 'Place them' }).click();
    await page.getByRole('progressbar').waitFor();
    await textToBe('burst-answer', /^200 accepted in/);
    await waitFor('all rows', async () => await rowCount() === before + 200);
    await expectSameAsList();
    expect(complaints).toEqual([]);
  });

  it('When a burst is stopped, then no more orders are placed', async () => {
    await page.getByLabel('Orders', { exact: true }).fill('10000');
    await page.getByRole('button', { name: 'Place them' }).click();
    await textToBe('burst-answer', /^\d\d+ of 10,000/);
    await page.getByRole('button', { name: 'Stop' }).click();
    await textToBe('burst-answer', /accepted: stopped$/);
    await page.getByRole('button', { name: 'Place them' }).waitFor();
    await expectSameAsList();
  });

  it.each(['Completed', 'Failed'])('When the filter is set to %s, then orders of that state are shown alone', async (name) => {
    const status = name.toLowerCase();
    await page.getByRole('radio', { name }).check();
    await waitFor('the filtered rows', async () => await rowCount() === await numberIn(status));
    expect(new Set((await readRows()).map((row) => row.status))).toEqual(new Set([status]));
    await page.getByRole('radio', { name: 'All' }).check();
  });

  it('When the keyboard is used, then it walks the list, opens an order and comes back to it', async () => {
    await page.getByRole('radio', { name: 'All' }).focus();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('orders');
    expect(await activeRow()).toBe(2);
    const after = async (...keys: string[]): Promise<number> => {
      for (const key of keys) await page.keyboard.press(key);
      return activeRow();
    };
    expect(await after('ArrowDown', 'ArrowDown', 'ArrowUp')).toBe(3);
    const paged = await after('PageDown');
    expect(paged).toBeGreaterThan(10);
    expect(await after('PageUp')).toBe(3);
    expect(await after('End')).toBe(await rowCount() + 1);
    expect(await after('Home', 'ArrowUp')).toBe(2);
    const [first] = await readRows();
    await page.keyboard.press('Enter');
    await drawer().waitFor();
    expect(await text('detail-id')).toBe(first!.orderId);
    await page.keyboard.press('Escape');
    await drawer().waitFor({ state: 'hidden' });
    expect(await focused()).toBe('orders');
    expect(await activeRow()).toBe(2);
  });

  it('When orders arrive while the keyboard is on a row, then it stays on that order, and the order stays where it is on the screen', async () => {
    const line = page.locator('#rows .active');
    const orderId = (): Promise<string | null> => line.locator('.id').getAttribute('aria-label');
    const place = async (): Promise<number> => (await line.boundingBox())!.y;
    const [id, before, count] = [await orderId(), await place(), await rowCount()];
    await produce(Array.from({ length: 30 }, anOrder));
    await waitFor('the new rows', async () => await rowCount() === count + 30);
    expect(await orderId()).toBe(id);
    expect(await activeRow()).toBe(32);
    expect(Math.abs(await place() - before)).toBeLessThan(2);
    await page.getByRole('radio', { name: 'All' }).focus();
    await expectSameAsList();
  });

  it.each(['light', 'dark'] as const)('When the page is %s, then axe finds nothing to mend, with the detail and without', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await expectAccessible();
    await page.evaluate(`location.hash = '${declined}'`);
    await drawer().waitFor();
    await page.evaluate('Promise.all(document.getAnimations().map(({ finished }) => finished)).then(() => true)');
    await expectAccessible();
    await page.keyboard.press('Escape');
    await page.emulateMedia({ colorScheme: null });
  });

  it.each([320, 640])('When the page is %d px wide, then nothing has to be scrolled sideways', async (width) => {
    await page.setViewportSize({ width, height: 700 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await page.evaluate('document.getElementById("orders").scrollWidth <= document.getElementById("orders").clientWidth')).toBe(true);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('When service-a is killed and comes back, then the board reconnects and is right without a reload', async () => {
    expect(complaints).toEqual([]);
    await stage.a.kill();
    await textToBe('connection', 'Reconnecting');
    await produce(Array.from({ length: 50 }, anOrder));
    await textToBe('connection', 'Live', 30_000);
    await choose('');
    await place();
    await textToBe('placed', /^Accepted: /);
    await expectSameAsList();
    expect(await page.evaluate('window.loadedOnce')).toBe(true);
  });

  it('When more happened while service-a was down than it tells afterwards, then the board reads the list anew', async () => {
    await stage.a.kill();
    await textToBe('connection', 'Reconnecting');
    await produce(Array.from({ length: 3_000 }, anOrder));
    await textToBe('connection', 'Live', 30_000);
    await expectSameAsList();
    expect(await page.evaluate('window.loadedOnce')).toBe(true);
    // What a browser says when a server is away.
    expect(complaints.splice(0).filter((complaint) => !/Failed to load resource/.test(complaint))).toEqual([]);
  });

  it('When there are more orders than the board holds, then it holds the newest 10,000, draws few, and reaches each', async () => {
    await produce(Array.from({ length: 12_000 }, anOrder));
    await waitFor('all orders to have finished', async () =>
      await numberIn('completed') + await numberIn('failed') > 15_000 && await numberIn('pending') === 0, { timeoutMs: 50_000 });
    await textToBe('held', '10,000');
    await grid().focus();
    await page.keyboard.press('End');
    expect(await activeRow()).toBe(10_001);
    expect(await page.locator('#rows [role="row"]').count()).toBeLessThan(60);
    await page.keyboard.press('Home');
    await page.reload();
    await textToBe('held', '10,000');
    expect(await rowCount()).toBe(10_000);
    await expectSameTop();
  });

  it('When a thousand orders come and finish every second, then the page stays quick', async () => {
    await page.evaluate(`new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest ?? 0, duration);
    }).observe({ entryTypes: ['longtask'] })`);
    for (let round = 0; round < 100; round += 1) {
      await produce(Array.from({ length: 50 }, anOrder));
      await sleep(50 - Date.now() % 50);
    }
    expect(await numberIn('rate')).toBeGreaterThan(500);
    // What a reader would feel, with room for the broker and the services on the same processor.
    expect(await page.evaluate('window.longest ?? 0')).toBeLessThan(400);
    expect(await page.locator('#rows [role="row"]').count()).toBeLessThan(60);
    await expectSameTop();
    expect(complaints).toEqual([]);
  });
});
