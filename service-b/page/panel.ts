import { fetchStanding } from './api.ts';
import { byId, element, setAttribute, setText } from './dom.ts';
import { countText, durationText, timeText } from './format.ts';
import { wordsOf, type Check, type Standing } from './standing.ts';

const EVERY_MS = 2_000;

/** Figures that have a place for a link to their runbook. */
const withRunbook = ['deadLetters', 'ready', 'lag', 'gateway', 'completions'];

/** Where it is written what to do, as the build has put it beside the page. */
const runbookNode = (runbook: string, text: string, name = text): Node =>
  element('a', { 'href': `/page/${encodeURIComponent(runbook)}.md`, 'aria-label': name }, text);

const standsNodes = (stands: boolean, runbook: string | undefined): Node[] => [
  element('span', { 'class': 'status', 'data-status': stands ? 'failed' : 'completed' }, stands ? 'stands' : 'yes'),
  ...(stands && runbook !== undefined ? [element('br'), runbookNode(runbook, 'what to do')] : []),
];

const checkNode = ({ name, ok, runbook }: Check): HTMLElement => element('li', {},
  element('span', { 'class': 'status', 'data-status': ok ? 'completed' : 'failed' }, wordsOf(name)),
  ok || runbook === undefined ? (ok ? 'yes' : 'no') : runbookNode(runbook, 'no: what to do', `no: what to do, ${wordsOf(name)}`));

const factNodes = (facts: [name: string, value: string][]): HTMLElement[] =>
  facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]);

const draw = ({ checks, partitions, answers, retries, callsUnderWay, concurrency, timeoutMs, ...standing }: Standing): void => {
  const { rebalances, restarts, runbooks } = standing;
  byId('checks', HTMLElement).replaceChildren(...checks.map(checkNode));
  byId('partitions', HTMLElement).replaceChildren(...partitions.map(({ partition, lag, standing: stands }) => element('tr', {},
    element('th', { scope: 'row' }, String(partition)), element('td', {}, countText(lag)),
    element('td', {}, ...standsNodes(stands, runbooks['standing'])))));
  byId('gateway', HTMLElement).replaceChildren(...factNodes([
    ...Object.entries(answers).map(([answer, count]): [string, string] => [`${wordsOf(answer)} in 5 min`, countText(count)]),
    ['retries in 5 min', countText(retries)],
    ['calls under way', `${countText(callsUnderWay)} of ${countText(concurrency)}`],
    ['deadline of a call', durationText(timeoutMs)],
  ]));
  byId('group', HTMLElement).replaceChildren(...factNodes([
    ['rebalances in 5 min', countText(rebalances.recent)],
    ['rebalances since its start', countText(rebalances.total)],
    ['restarts in 5 min', countText(restarts)],
  ]));
  for (const name of withRunbook) {
    const runbook = runbooks[name];
    byId(`runbook-${name}`, HTMLElement).replaceChildren(...(runbook === undefined ? [] : [runbookNode(runbook, 'runbook', `runbook: ${wordsOf(name)}`)]));
  }
};

/** How service-b stands, asked for every two seconds while somebody looks; what it last said stands with its time while it is away. */
export const createPanel = () => {
  const section = byId('standing', HTMLElement);
  const note = byId('standing-note', HTMLElement);
  let saidAt: number | undefined;

  const ask = async (): Promise<void> => {
    try {
      draw(await fetchStanding());
      saidAt = Date.now();
      byId('standing-body', HTMLElement).hidden = false;
      section.classList.remove('stale');
      setText(note, '');
    } catch (error) {
      section.classList.add('stale');
      const message = error instanceof Error ? error.message : String(error);
      setText(note, saidAt === undefined ? message : `${message} This is as of ${timeText(saidAt).replace(/\.\d+$/, '')}.`);
    }
  };

  let asking = false;
  const askOnce = (): void => {
    if (asking || document.hidden) return;
    asking = true;
    setAttribute(section, 'aria-busy', saidAt === undefined ? 'true' : undefined);
    void ask().finally(() => {
      asking = false;
      setAttribute(section, 'aria-busy', undefined);
    });
  };
  setInterval(askOnce, EVERY_MS);
  document.addEventListener('visibilitychange', askOnce);
  askOnce();
  return { again: askOnce };
};
