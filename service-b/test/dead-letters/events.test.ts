import { createEvents, STREAMS_MAX, type Reader } from '../../src/dead-letters/events';
import { eventually, recordingLogger } from '../support/fakes';

const aReader = (waiting = 0) => {
  const texts: string[] = [];
  let over: 'ended' | 'cut' | undefined;
  const reader: Reader = {
    write: (text) => void texts.push(text), waiting: () => waiting, end: () => void (over = 'ended'), cut: () => void (over = 'cut'),
  };
  return { reader, texts, over: () => over };
};
const someEvents = () => {
  const { logger, lines } = recordingLogger();
  let total = 0;
  const events = createEvents({ counts: () => ({ total }), redrives: () => [], logger });
  return { events, lines, change: () => {
    total += 1;
    events.changed();
  } };
};

test('When much changes, then it is told at once, and then four times a second at most, with the last counts', async () => {
  const { events, change } = someEvents();
  const { reader, texts } = aReader();
  events.open(reader);
  const startedAt = performance.now();
  change();
  await eventually(() => texts.length === 3);
  for (let i = 0; i < 1_000; i += 1) change();
  await eventually(() => texts.length === 4);
  expect(performance.now() - startedAt).toBeGreaterThan(200);
  expect(texts[3]).toBe('event: change\ndata: {"total":1001}\n\n');
  events.close();
});

test('When a reader does not take what it is told, then it is cut off', async () => {
  const { events, change, lines } = someEvents();
  const slow = aReader(300_000);
  events.open(slow.reader);
  change();
  await eventually(() => slow.over() === 'cut');
  expect(lines[0]).toMatchObject({ level: 'info', message: 'event stream cut off: its reader is too slow' });
  events.close();
});

test('When there are as many as there may be, or it is closed, then no other one begins', () => {
  const { events } = someEvents();
  const readers = Array.from({ length: STREAMS_MAX }, () => aReader());
  const closes = readers.map(({ reader }) => events.open(reader));
  expect(events.open(aReader().reader)).toBeUndefined();
  closes[0]!();
  expect(events.open(aReader().reader)).toBeDefined();
  events.close();
  expect(readers.slice(1).every(({ over }) => over() === 'ended')).toBe(true);
  expect(events.open(aReader().reader)).toBeUndefined();
});
