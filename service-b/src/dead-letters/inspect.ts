import type { LogRecord } from '../kafka/log-reader';
import type { Filter, ListCommand, ShowCommand, StatsCommand } from './command';
import type { DecodeOriginal } from './decode';
import { detailOf, detailText, jsonLines, listText, statisticsText } from './format';
import type { Log } from './log';
import { createNewest, createStatistics, matches, summaryOf, type Summary } from './summary';

/** What a command found, as text for stdout, and a remark for whoever reads it at a terminal. */
export type Found = { text: string; remark?: string };

const none: Found = { text: '', remark: 'no dead letter matches' };

const summarise = async (log: Log, topic: string, filter: Filter, add: (summary: Summary) => void): Promise<void> =>
  log.scan(await log.rangesOf(topic, filter.since), (record) => {
    const summary = summaryOf(record);
    if (matches(filter, summary)) add(summary);
  });

export const list = async (log: Log, topic: string, { filter, limit, json }: ListCommand): Promise<Found> => {
  const summaries = createNewest(limit);
  await summarise(log, topic, filter, summaries.add);
  const { newest, total } = summaries.result();
  if (total === 0) return none;
  return {
    text: json ? jsonLines(newest) : listText(newest),
    ...(total > newest.length && { remark: `the newest ${newest.length} of ${total}; --limit shows more` }),
  };
};

export const stats = async (log: Log, topic: string, { filter, json }: StatsCommand): Promise<Found> => {
  const statistics = createStatistics();
  await summarise(log, topic, filter, statistics.add);
  const types = statistics.result();
  if (types.length === 0) return none;
  return { text: json ? jsonLines(types) : statisticsText(types) };
};

export const show = async (log: Log, topic: string, { position, json }: ShowCommand, decode: DecodeOriginal): Promise<Found> => {
  let found: LogRecord | undefined;
  await log.read(await log.rangesAt(topic, [position]), (record) => {
    found = record;
  });
  if (found === undefined) throw new Error(`there is nothing at ${position.partition}:${position.offset} of ${topic} any more`);
  const read = detailOf(found);
  const detail = 'deadLetter' in read ? { ...read, ...await decode(read.deadLetter) } : read;
  return { text: json ? jsonLines([detail]) : detailText(detail) };
};
