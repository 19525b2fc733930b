import { createApp } from '../../src/app';
import type { RedriveRequest } from '../../src/dead-letters/command';
import { createEvents } from '../../src/dead-letters/events';
import { summaryView } from '../../src/dead-letters/view';
import { createLetters } from '../../src/dead-letters/letters';
import { NothingThereError } from '../../src/dead-letters/log';
import type { Outcome } from '../../src/dead-letters/redrive';
import { createRedrives, type RunRedrive } from '../../src/dead-letters/redrives';
import { cursorOf } from '../../src/routes/letter-query';
import type { PageFile } from '../../src/routes/static-page';
import { createMetrics } from '../../src/metrics';
import type { FindHolder } from '../../src/utils/tokens';
import { recordingLogger } from './fakes';
import { aDeadLetter } from './log';

export const anOutcome = (differences: Partial<Outcome> = {}): Outcome =>
  ({ chosen: 0, toPutBack: 0, skipped: new Map(), putBack: 0, refused: [], ...differences });

/** The operator's side over ten dead letters and no broker. */
export const anOperator = ({ run = async () => anOutcome(), findHolder, page = [] }: {
  run?: RunRedrive; findHolder?: FindHolder; page?: PageFile[];
} = {}) => {
  const { logger, lines } = recordingLogger();
  const letters = createLetters({ maxBytes: 1_000_000, changed: (letter) => redrives.onLetter(letter) });
  const counts = () => ({ total: letters.size(), types: letters.types() });
  const events = createEvents({ counts, redrives: () => redrives.list(), logger });
  const redrives = createRedrives({ run, find: letters.get, moved: events.moved, logger });
  for (let number = 0; number < 10; number += 1) letters.add(aDeadLetter({ number, offset: String(number) }));
  const planned: RedriveRequest[] = [];
  const app = createApp({
    checks: () => ({ consumerJoined: true, paymentsWritable: false }),
    corsOrigins: ['*'], metrics: createMetrics({ ordersTopic: 'orders' }), findHolder, logger,
    operator: {
      page,
      status: {
        lags: () => [{ partition: 0, records: 3 }, { partition: 1, records: 0 }], standing: () => [1],
        gateway: () => ({ callsUnderWay: 0 }), rebalances: () => ({ last5m: 1, total: 2 }), restarts: () => 0,
      },
      deadLetters: {
        list: async ({ filter, limit, after }) => {
          const { letters: those, more, total } = letters.page(filter, limit, after);
          return { items: those.map(summaryView), next: more ? cursorOf(those.at(-1)!) : null, total };
        },
        detail: async (partition, offset) => {
          const found = letters.get(`${partition}:${offset}`);
          return found && summaryView(found);
        },
        plan: async (request) => {
          planned.push(request);
          if (request.positions?.some(({ offset }) => offset > 9n)) throw new NothingThereError('there is nothing');
          return { chosen: 10, toPutBack: 7, skipped: new Map([['order is paid', 3]]) };
        },
        redrives, events, listened: () => undefined,
      },
    },
  });
  return { app, letters, redrives, events, lines, planned };
};
