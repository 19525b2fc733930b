import { byId, setText } from './dom.ts';
import { countText, durationText, rateText } from './format.ts';
import { statuses, type Counts } from './order.ts';
import { createRate, spread } from './stats.ts';
import type { Row } from './store.ts';

const SUMMARY_MS = 10_000;

/** Counts, rate and times; for screen readers a sentence now and then instead of a word on every order. */
export const createFigures = (rows: () => readonly Row[]) => {
  const rate = createRate();
  const summary = byId('summary', HTMLElement);
  let counts: Counts | undefined;

  const drawTimes = (): void => {
    setText(byId('rate', HTMLElement), rateText(rate.perSecond(performance.now())));
    const { median, p95 } = spread(rows().flatMap(({ took }) => took ?? []));
    setText(byId('median', HTMLElement), durationText(median));
    setText(byId('p95', HTMLElement), durationText(p95));
  };
  setInterval(drawTimes, 1_000);

  setInterval(() => {
    if (counts !== undefined) setText(summary, `${statuses.map((status) => `${countText(counts![status])} ${status}`).join(', ')}.`);
  }, SUMMARY_MS);

  return {
    finished: (): void => rate.add(performance.now()),
    setCounts: (now: Counts): void => {
      counts = now;
      for (const status of statuses) setText(byId(status, HTMLElement), countText(now[status]));
    },
    drawTimes,
  };
};
