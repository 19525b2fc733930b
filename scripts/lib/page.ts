import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { waitFor } from './process';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

type Violation = { id: string; nodes: { html: string; failureSummary: string }[] };

/** What axe finds to mend on a page as it is now. */
export const violationsOf = async (page: Page): Promise<{ id: string; nodes: string[] }[]> => {
  await page.evaluate(axe);
  const { violations }: { violations: Violation[] } = await page.evaluate('axe.run()');
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`) }));
};

/** Collects what a page complains of: faults of its own, breaches of its policy, files that are missing. */
export const complaintsOf = (page: Page): string[] => {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
};

export const textOf = (page: Page, id: string): Promise<string> => page.locator(`#${id}`).innerText();

/** Waits until the element reads so. */
export const textToBe = (page: Page, id: string, expected: string | RegExp, timeoutMs = 15_000): Promise<void> =>
  waitFor(`#${id} to read ${String(expected)}`, async () => {
    const now = await textOf(page, id);
    return typeof expected === 'string' ? now === expected : expected.test(now);
  }, { timeoutMs, intervalMs: 50 });

export const focusedId = (page: Page): Promise<string> => page.evaluate('document.activeElement.id');

/** Whether the page as a whole has to be scrolled sideways. */
export const isTooWide = (page: Page): Promise<boolean> => page.evaluate('document.documentElement.scrollWidth > innerWidth');
