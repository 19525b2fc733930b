import { z } from 'zod';
import { offsetsOf, positionText } from '../../processors/feed';
import type { Changes, OnChange } from '../../processors/order-store';
import type { StoredPosition } from '../../processors/tables';
import type { Logger } from '../../utils/logger';
import { createListener } from './listener';
import type { Database } from './pool';
import { readPositions } from './positions';
import { statusSql } from './rows';
import type { Topics } from './types';

/** A wake-up may be lost; no change waits longer than this. */
const POLL_MS = 1_000;
/** Under load what comes meanwhile is looked up at once. */
const REST_MS = 20;
/** A replica that has not heard of its database for so long does not call itself ready. */
const SILENT_MS = 3_000;

const SPANS = 'unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS span (topic, partition, start, stop)';
const CHANGED = {
  name: 'changed',
  text: `SELECT order_id, ${statusSql('orders')} AS status
    FROM ${SPANS} JOIN order_changes AS change USING (topic, partition) JOIN orders USING (order_id)
    WHERE change."offset" >= span.start AND change."offset" < span.stop ORDER BY change."offset"`,
  row: z.object({ order_id: z.string(), status: z.enum(['pending', 'completed', 'failed']) }),
};
const CHANGED_IDS = {
  name: 'changed-ids',
  text: `SELECT DISTINCT order_id FROM ${SPANS} JOIN order_changes AS change USING (topic, partition)
    WHERE change."offset" >= span.start AND change."offset" < span.stop`,
  row: z.object({ order_id: z.string() }),
};

type Span = { readonly topic: string; readonly partition: number; readonly start: bigint; readonly stop: bigint };

const valuesOf = (spans: readonly Span[]): (string | number)[][] => [
  spans.map(({ topic }) => topic), spans.map(({ partition }) => partition),
  spans.map(({ start }) => start.toString()), spans.map(({ stop }) => stop.toString()),
];

const keyOf = ({ topic, partition }: StoredPosition): string => `${partition} ${topic}`;

/**
 * Tells of what changes in the tables, whichever replica wrote it: a notification wakes, a look at the positions says what is new. What is
 * told is what was committed, so a position means the same on every replica.
 */
export const createChanges = ({ database, url, topics, wanted, logger }: {
  database: Pick<Database, 'ask'>;
  url: string;
  topics: Topics;
  wanted: () => boolean;
  logger: Pick<Logger, 'warn' | 'info'>;
}) => {
  const listeners: OnChange[] = [];
  const onGaps: (() => void)[] = [];
  let positions: readonly StoredPosition[] = [];
  let answeredAt = -Infinity;
  let running = false;
  let looking: Promise<void> | undefined;
  let isStale = false;
  let timer: NodeJS.Timeout | undefined;

  /** What is new in each partition since the last look; a partition that is new to this replica is told from here on. */
  const spansTo = (next: readonly StoredPosition[]): { spans: Span[]; isGap: boolean } => {
    const before = new Map(positions.map((position) => [keyOf(position), position.next]));
    const spans = next.flatMap((position) => {
      const start = before.get(keyOf(position)) ?? position.next;
      return start < position.next ? [{ topic: position.topic, partition: position.partition, start, stop: position.next }] : [];
    });
    const isGap = next.some((position) => (before.get(keyOf(position)) ?? position.next) < position.changesFrom);
    return { spans, isGap };
  };

  const look = async (): Promise<void> => {
    const next = await readPositions(database.ask, topics);
    answeredAt = performance.now();
    const { spans, isGap } = spansTo(next);
    // Whoever begins to listen from here on begins at the position that is set below.
    if (spans.length > 0 && wanted()) {
      const { rows } = await database.ask(CHANGED, valuesOf(spans));
      positions = next;
      for (const { order_id, status } of rows) for (const listener of listeners) listener(order_id, status);
      if (isGap) for (const onGap of onGaps) onGap();
      return;
    }
    positions = next;
  };

  const lookWithin = (ms: number): void => {
    clearTimeout(timer);
    if (running) timer = setTimeout(lookNow, ms);
  };

  const lookNow = (): void => {
    isStale = false;
    looking = look()
      .catch((error: unknown) => {
        // What a statement cannot say now it says at the next look; that none is answered shows in readiness.
        if (performance.now() - answeredAt < SILENT_MS + POLL_MS) logger.warn('changes in the database cannot be looked up', { error });
      })
      .finally(() => {
        looking = undefined;
        lookWithin(isStale ? REST_MS : POLL_MS);
      });
  };

  const wake = (): void => {
    if (looking !== undefined) isStale = true;
    else if (wanted()) lookWithin(0);
  };

  const listener = createListener({ url, wake, logger });

  const changes: Changes = {
    onChange: (listener) => void listeners.push(listener),
    onGap: (onGap) => void onGaps.push(onGap),
    position: () => positionText(positions),
    since: async (position) => {
      const now = await readPositions(database.ask, topics);
      const from = offsetsOf(position, now);
      if (from === undefined) return undefined;
      const spans = now.map(({ topic, partition, next, changesFrom }, i) =>
        ({ topic, partition, start: from[i] ?? -1n, stop: next, changesFrom }));
      if (spans.some(({ start, stop, changesFrom }) => start < changesFrom || start > stop)) return undefined;
      const { rows } = await database.ask(CHANGED_IDS, valuesOf(spans));
      return rows.map((row) => row.order_id);
    },
  };

  return {
    changes,
    positions: (): readonly StoredPosition[] => positions,
    /** Whether the database has answered lately. */
    isHeard: (): boolean => performance.now() - answeredAt < SILENT_MS,
    start: async (): Promise<void> => {
      running = true;
      listener.start();
      lookNow();
      await looking;
    },
    stop: async (): Promise<void> => {
      running = false;
      clearTimeout(timer);
      await Promise.all([looking, listener.stop()]);
    },
  };
};
