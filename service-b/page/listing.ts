import type { Filter } from './address.ts';
import type { LetterPage } from './api.ts';
import { patiently, pause } from './patience.ts';

/** What is shown: `fault` is why a list could not be read. */
export type Shown = Omit<LetterPage, 'next'> & { filter: Filter; more: boolean; fault: string | undefined };

const PAGE = 50;
/** What the API gives at once. */
const LIMIT = 200;
/** Letters shown at most; filters lead to those beyond. */
export const MAX = 1_000;
/** Between two readings: news may come four times a second. */
const PAUSE_MS = 400;

/**
 * Keeps a list of dead letters like that of service-b: whatever changes there, it is read again, as far as it was read. What was read
 * stands until then, also while service-b is away.
 */
export const createListing = ({ fetchLetters, onShown }: {
  fetchLetters: (filter: Filter, page: { after: string | undefined; limit: number }, signal: AbortSignal) => Promise<LetterPage>;
  onShown: (shown: Shown) => void;
}) => {
  let filter: Filter = {};
  let wanted = PAGE;
  let reading: AbortController | undefined;
  let again = false;

  const read = async (signal: AbortSignal): Promise<void> => {
    const letters: LetterPage['letters'] = [];
    let after: string | undefined;
    let page: LetterPage;
    do {
      const limit = Math.min(LIMIT, wanted - letters.length);
      page = await patiently(() => fetchLetters(filter, { after, limit }, signal), { signal });
      signal.throwIfAborted();
      letters.push(...page.letters);
      after = page.next;
    } while (after !== undefined && letters.length < wanted);
    onShown({ ...page, letters, filter, more: after !== undefined, fault: undefined });
  };

  const begin = async (): Promise<void> => {
    reading?.abort();
    const { signal } = reading = new AbortController();
    try {
      do {
        again = false;
        await read(signal);
        await pause(PAUSE_MS, signal);
      } while (again);
    } catch (error) {
      if (signal.aborted) return;
      const fault = error instanceof Error ? error.message : String(error);
      onShown({ letters: [], total: 0, types: [], asOf: '', left: 0, cut: false, filter, more: false, fault });
    }
    reading = undefined;
  };

  return {
    /** Reads what another filter lets through, from the newest on. */
    filter: (next: Filter): void => {
      wanted = PAGE;
      filter = next;
      void begin();
    },
    /** Reads further back. */
    more: (): void => {
      wanted = Math.min(MAX, wanted + LIMIT);
      void begin();
    },
    /** Something has changed: reads again, soon if that is under way. */
    changed: (): void => {
      if (reading === undefined) void begin();
      else again = true;
    },
    /** Reads again at once: service-b is there again. */
    again: (): void => void begin(),
  };
};
