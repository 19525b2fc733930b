import { createLog } from '../../src/dead-letters/log';
import { createRedrive, reasonToSkip, type Candidate, type Outcome } from '../../src/dead-letters/redrive';
import type { RedriveCommand } from '../../src/dead-letters/command';
import { withTrace } from '../../src/kafka/header-changes';
import type { LogRecord, Range } from '../../src/kafka/log-reader';
import type { RecordToSend } from '../../src/dead-letters/sender';
import { letterIdOf } from '../../src/kafka/redrive-headers';
import { headersOfPairs, orderIdOf, pairsOf, type Pair } from '../support/builders';
import { eventually } from '../support/fakes';
import { aDeadLetter, aLogRecord, aReader, topics } from '../support/log';

const aCandidate = (differences: Partial<Candidate> = {}): Candidate =>
  ({
    partition: 0, offset: 0n, letter: 'x', key: orderIdOf(0), order: orderIdOf(0), redriveCount: 0,
    original: { originalTopic: 'orders', originalPartition: 1, originalOffset: '42' }, ...differences,
  });
const limits = { topic: 'orders', max: 3 };
const nothingKnown = { paid: new Set<string>(), redriven: new Set<string>(), uncommitted: [], unsettled: new Set<string>() };
/** What service-b has still to commit, of `orders` 1 unless told otherwise. */
const left = (from: bigint, to: bigint, place: Partial<Range> = {}): Range => ({ topic: 'orders', partition: 1, from, to, ...place });

describe('choosing', () => {
  test('When nothing speaks against it, then it is put back', () => {
    expect(reasonToSkip('0:0', aCandidate(), nothingKnown, limits)).toBeUndefined();
    expect(reasonToSkip('0:0', aCandidate({ redriveCount: 2 }), nothingKnown, limits)).toBeUndefined();
  });

  test.each([
    ['cannot be read', aCandidate({ original: undefined }), nothingKnown],
    ['original is not of orders', aCandidate({ original: { originalTopic: 'refunds', originalPartition: 0, originalOffset: '0' } }), nothingKnown],
    ['put back before', aCandidate(), { ...nothingKnown, redriven: new Set(['0:0']) }],
    ['order is paid', aCandidate(), { ...nothingKnown, paid: new Set([orderIdOf(0)]) }],
    ['put back 3 times', aCandidate({ redriveCount: 3 }), nothingKnown],
    ['original is not committed yet', aCandidate(), { ...nothingKnown, uncommitted: [left(42n, 43n)] }],
    ['another record of the order is not committed yet', aCandidate(), { ...nothingKnown, unsettled: new Set([orderIdOf(0)]) }],
  ])('When a dead letter is one that %s, then it is skipped with that reason', (reason, candidate, known) => {
    expect(reasonToSkip('0:0', candidate, known, limits)).toContain(reason);
  });

  test.each([
    ['is committed, and those behind it are not', [left(43n, 60n)]],
    ['lies beyond the end of a topic that was made anew', [left(0n, 42n)]],
    ['is of another partition or topic', [left(0n, 60n, { partition: 0 }), left(0n, 60n, { topic: 'payments' })]],
  ])('When the original %s, then it is put back', (_what, uncommitted) => {
    expect(reasonToSkip('0:0', aCandidate(), { ...nothingKnown, uncommitted }, limits)).toBeUndefined();
  });

  test('When nothing may be put back, then nothing is', () => {
    expect(reasonToSkip('0:0', aCandidate(), nothingKnown, { ...limits, max: 0 })).toContain('REDRIVE_MAX');
  });

  test('When the dead letter has no key, then no payment is its', () => {
    expect(reasonToSkip('0:0', aCandidate({ order: undefined }), { ...nothingKnown, paid: new Set(['undefined', '']) }, limits)).toBeUndefined();
  });
});

const everything: RedriveCommand = { name: 'redrive', positions: undefined, filter: {}, dryRun: false, rate: Infinity, yes: true };

/** A redrive over a log that is a list; `sent` are the goes: what is sent in one turn. */
const aRedrive = (records: LogRecord[], { max = 3, confirmed = true, uncommitted = [], refuse }: {
  max?: number; confirmed?: boolean; uncommitted?: Range[][]; refuse?: (record: RecordToSend, goes: number) => Error | 'refused' | undefined;
} = {}) => {
  const stop = new AbortController();
  const { reader, asked } = aReader(records, uncommitted);
  const sent: RecordToSend[][] = [];
  let go: RecordToSend[] | undefined;
  const judged: (string | undefined)[][] = [];
  const redriven: string[] = [];
  const confirmations: number[] = [];
  const run = createRedrive({
    log: createLog({ reader, progress: () => undefined, signal: stop.signal }),
    topics,
    max,
    send: async (record) => {
      if (go === undefined) sent.push(go = []);
      const refusal = refuse?.(record, sent.length);
      if (refusal === undefined) go.push(record);
      await new Promise((resolve) => setImmediate(resolve));
      go = undefined;
      if (refusal instanceof Error) throw refusal;
      return refusal ?? 'sent';
    },
    confirm: async ({ toPutBack }) => {
      confirmations.push(toPutBack);
      return confirmed;
    },
    judged: (position, _candidate, reason) => void judged.push([position, reason]),
    onRedriven: (position) => void redriven.push(position),
    signal: stop.signal,
  });
  const from = (): string[] => sent.flat().map(({ headers }) => String(headers['redrive-of']));
  const runIt = (differences: Partial<RedriveCommand> = {}) => run({ ...everything, ...differences });
  return { run: runIt, stop, sent, from, asked, judged, redriven, confirmations };
};

const letters = (count: number): LogRecord[] => Array.from({ length: count }, (_, number) =>
  aDeadLetter({ number, partition: number % 3, offset: String(Math.floor(number / 3)) }));

describe('putting back', () => {
  test('When a dead letter is put back, then it is the original and says how often and from where', async () => {
    const headers = { 'via': [Buffer.from('a'), Buffer.from([0xff])], 'redrive-count': Buffer.from('1'), 'redrive-of': Buffer.from('0:7') };
    const { run, sent } = aRedrive([aDeadLetter({ partition: 2, offset: '41', headers })]);
    expect(await run()).toMatchObject({ chosen: 1, toPutBack: 1, putBack: 1, refused: [] });
    expect(sent).toMatchObject([[{ key: Buffer.from(orderIdOf(0)), value: expect.any(Buffer) as Buffer, fallbackPartition: 1 }]]);
    expect(pairsOf(sent[0]![0]!.headers)).toEqual([
      ['via', 'a'], ['via', '\xff'], ['redrive-count', '2'], ['redrive-of', '2:41'], ['redrive-letter', expect.stringMatching(/^[0-9a-f]{32}$/)],
    ]);
    expect(JSON.parse(String(sent[0]![0]!.value))).toMatchObject({ eventType: 'ORDER_CREATED', data: { orderId: orderIdOf(0) } });
  });

  test('When some are skipped, then each reason has its count and the others are put back', async () => {
    const third = aDeadLetter({ offset: '2', number: 2 });
    const mark = {
      'redrive-of': Buffer.from('0:2'), 'redrive-count': Buffer.from('1'), 'redrive-letter': Buffer.from(letterIdOf(third.message.value)),
    };
    const { run, from } = aRedrive([
      aDeadLetter({ offset: '0', number: 0 }),
      aDeadLetter({ offset: '1', number: 1 }),
      third,
      aDeadLetter({ offset: '3', number: 3, headers: { 'redrive-count': Buffer.from('3') } }),
      aLogRecord({ offset: '4', value: Buffer.from('{bad') }),
      aLogRecord({ topic: topics.payments, key: Buffer.from(orderIdOf(1)) }),
      aLogRecord({ topic: topics.orders, key: Buffer.from(orderIdOf(2)), partition: 1, offset: '43', headers: mark }),
    ]);
    const outcome = await run();
    expect(outcome).toMatchObject({ chosen: 5, toPutBack: 1, putBack: 1 });
    expect(Object.fromEntries(outcome.skipped)).toEqual({
      'order is paid': 1, 'put back before': 1, 'put back 3 times, the most that REDRIVE_MAX allows': 1, 'cannot be read': 1,
    });
    expect(from()).toEqual(['0:0']);
  });

  test('When one position is given, then that one alone is put back', async () => {
    const { run, from } = aRedrive(letters(9));
    expect(await run({ positions: [{ partition: 1, offset: 2n }] })).toMatchObject({ chosen: 1, putBack: 1 });
    expect(from()).toEqual(['1:2']);
  });

  test('When several positions are given, then those alone are put back', async () => {
    const { run, from } = aRedrive(letters(9));
    const positions = [{ partition: 1, offset: 2n }, { partition: 0, offset: 0n }, { partition: 1, offset: 0n }];
    expect(await run({ positions })).toMatchObject({ chosen: 3, putBack: 3 });
    expect(from().sort()).toEqual(['0:0', '1:0', '1:2']);
  });

  test('When some are put back, then each is told of once it is', async () => {
    const { run, redriven, from } = aRedrive(letters(5));
    await run();
    expect(redriven).toEqual(from());
  });

  test('When there is nothing at the position, then it says so', async () => {
    await expect(aRedrive(letters(3)).run({ positions: [{ partition: 1, offset: 7n }] })).rejects.toThrow('there is nothing at 1:7');
  });

  test('When a filter is given, then what matches is put back', async () => {
    const { run, from } = aRedrive([...letters(3), aDeadLetter({ offset: '1', error: new Error('other') })]);
    await run({ filter: { type: 'Error' } });
    expect(from()).toEqual(['0:1']);
  });

  test('When nothing is chosen, then payments and orders are not read and nobody is asked', async () => {
    const { run, asked, confirmations } = aRedrive(letters(3));
    expect(await run({ filter: { type: 'None' } })).toMatchObject({ chosen: 0, toPutBack: 0, putBack: 0 });
    expect(asked.map(({ topic }) => topic)).toEqual([topics.deadLetters]);
    expect(confirmations).toEqual([]);
  });

  test('When orders are read for what was put back, then only from the oldest chosen dead letter on, and payments as a whole', async () => {
    const { run, asked } = aRedrive([aDeadLetter({ offset: '0', timestamp: '2000' }), aDeadLetter({ offset: '1', number: 1, timestamp: '1000' })]);
    await run();
    expect(asked.slice(1)).toEqual([
      { topic: topics.orders, since: 'uncommitted' }, { topic: topics.payments, since: undefined }, { topic: topics.orders, since: 1_000 }]);
  });

  test('When it is a dry run, then each verdict is told and nothing is written', async () => {
    const { run, sent, judged, confirmations } = aRedrive([...letters(1), aLogRecord({ offset: '1' })]);
    expect(await run({ dryRun: true })).toMatchObject({ chosen: 2, toPutBack: 1, putBack: 0 });
    expect(judged).toEqual([['0:0', undefined], ['0:1', 'cannot be read']]);
    expect([sent, confirmations]).toEqual([[], []]);
  });

  test('When it is not confirmed, then nothing is written', async () => {
    const { run, sent, confirmations } = aRedrive(letters(4), { confirmed: false });
    expect(await run()).toMatchObject({ toPutBack: 4, putBack: 0 });
    expect([sent, confirmations]).toEqual([[], [4]]);
  });
});

describe('waiting until originals are committed', () => {
  const reasons = ({ skipped }: Outcome) => Object.fromEntries(skipped);
  /** As often as somebody asks. */
  const always = (range: Range) => Array.from({ length: 1_000 }, () => [range]);

  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] }));
  afterEach(() => jest.useRealTimers());

  test('When all are, then it is not waited for anything', async () => {
    const { run } = aRedrive(letters(3), { uncommitted: always(left(43n, 60n)) });
    const startedAt = Date.now();
    expect(await run()).toMatchObject({ putBack: 3 });
    expect(Date.now()).toBe(startedAt);
  });

  test('When they are a moment later, then they are put back', async () => {
    const { run, asked } = aRedrive(letters(3), { uncommitted: [[left(40n, 60n)], [left(42n, 60n)], [left(43n, 60n)]] });
    const ended = run();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await ended).toMatchObject({ putBack: 3, skipped: new Map() });
    expect(asked.filter(({ since }) => since === 'uncommitted')).toHaveLength(3);
  });

  test('When one is not within 10 s, then it is left for a later run, in a dry run too', async () => {
    const { run, sent } = aRedrive(letters(3), { uncommitted: always(left(0n, 60n)) });
    for (const dryRun of [false, true]) {
      const ended = run({ dryRun });
      await jest.advanceTimersByTimeAsync(9_900);
      expect(jest.getTimerCount()).toBe(1);
      await jest.advanceTimersByTimeAsync(200);
      expect(reasons(await ended)).toEqual({ 'original is not committed yet': 3 });
    }
    expect(sent).toEqual([]);
  });

  test('When none can be put back any more, then it is not waited for', async () => {
    const { run } = aRedrive(letters(3), { max: 0, uncommitted: always(left(0n, 60n)) });
    const startedAt = Date.now();
    expect(await run()).toMatchObject({ putBack: 0 });
    expect(Date.now()).toBe(startedAt);
  });

  test('When the log holds the order once more, not committed and never put back, then its letters are left for a later run', async () => {
    const recordOf = (number: number, offset: string, headers = {}) =>
      aLogRecord({ topic: topics.orders, partition: 1, offset, key: Buffer.from(orderIdOf(number)), headers });
    const again = [recordOf(0, '50'), recordOf(1, '51', { 'redrive-count': '1' }), recordOf(2, '43')];
    const { run, from } = aRedrive([...letters(3), ...again], { uncommitted: always(left(45n, 60n)) });
    expect(reasons(await run())).toEqual({ 'another record of the order is not committed yet': 1 });
    expect(from()).toEqual(['1:0', '2:0']);
  });

  test('When it is stopped meanwhile, then it ends at once', async () => {
    const { run, stop, sent } = aRedrive(letters(3), { uncommitted: always(left(0n, 60n)) });
    const ended = expect(run()).rejects.toThrow('stopped');
    await jest.advanceTimersByTimeAsync(600);
    stop.abort(new Error('stopped'));
    await ended;
    expect(sent).toEqual([]);
  });
});

describe('12.4 headers of the original', () => {
  const pairs: Pair[] = [
    ['a', '1'], ['b', '2'], ['a', '3'], ['traceparent', null], ['empty', ''], ['__proto__', 'x'], ['toString', null], ['\xff', '\xfe'],
    ['__dlq.errors.topic', 'of an older failure'],
  ];

  test('When a dead letter is put back, then they are the same to the byte, in their order, and the mark is behind them', async () => {
    const { run, sent } = aRedrive([aDeadLetter({ headers: headersOfPairs(pairs) })]);
    await run();
    expect(pairsOf(sent[0]![0]!.headers).slice(0, -3)).toEqual(pairs);
  });

  test('When spans have given the dead letter a trace of its own, then what is put back goes on there', async () => {
    const [first, last] = ['1', '2'].map((span) => `00-4bf92f3577b34da6a3ce929d0e0e4736-000000000000000${span}-01`);
    const letter = aDeadLetter({ headers: headersOfPairs([['traceparent', first!], ['a', '1']]) });
    letter.message.headers = withTrace(letter.message.headers!, { traceparent: last! });
    const { run, sent } = aRedrive([letter]);
    await run();
    expect(pairsOf(sent[0]![0]!.headers).slice(0, -3)).toEqual([['a', '1'], ['traceparent', last]]);
  });
});

describe('12.19 marks that are right, and others', () => {
  const letter = () => aDeadLetter({ partition: 2, offset: '41' });
  const id = letterIdOf(letter().message.value);
  const theKey = Buffer.from(orderIdOf(0));
  /** Whether it is put back although a record of `orders` says that it came from there. */
  const isPutBack = async (mark: Pair[], { key = theKey, partition = 1, offset = '43' } = {}): Promise<boolean> => {
    const { run, from } = aRedrive([letter(), aLogRecord({ topic: topics.orders, key, partition, offset, headers: headersOfPairs(mark) })]);
    await run();
    return from().length === 1;
  };

  test('When a record was put back from it, then it is not put back again', async () => {
    expect(await isPutBack([['redrive-count', '1'], ['redrive-of', '2:41'], ['redrive-letter', id]])).toBe(false);
  });

  test('When the topic was made anew and another letter lay there, then it is put back', async () => {
    expect(await isPutBack([['redrive-count', '1'], ['redrive-of', '2:41'], ['redrive-letter', letterIdOf(Buffer.from('x'))]])).toBe(true);
  });

  test.each<[string, Pair[], object]>([
    ['has all of it but the letter', [['redrive-count', '1'], ['redrive-of', '2:41']], {}],
    ['has another key and the letter', [['redrive-count', '1'], ['redrive-of', '2:41'], ['redrive-letter', id]], { key: Buffer.from('k') }],
    ['names another position', [['redrive-count', '1'], ['redrive-of', '2:40'], ['redrive-letter', id]], {}],
    ['has a mark without values', [['redrive-count', null], ['redrive-of', null], ['redrive-letter', null]], {}],
  ])('When a record %s, then its mark is not believed and the letter is put back', async (_what, mark, place) => {
    expect(await isPutBack(mark, place)).toBe(true);
  });

  test('When the original is of another topic, then that is the reason to skip it, in a dry run too', async () => {
    const other = letter();
    other.message.value = Buffer.from(String(other.message.value).replace('"originalTopic":"orders"', '"originalTopic":"refunds"'));
    const { run, sent, judged } = aRedrive([other]);
    expect(Object.fromEntries((await run()).skipped)).toEqual({ 'original is not of orders': 1 });
    await run({ dryRun: true });
    expect(judged).toEqual([['2:41', 'original is not of orders']]);
    expect(sent).toEqual([]);
  });
});

describe('requests', () => {
  test('When many are put back, then requests are full, one after the other', async () => {
    const { run, sent } = aRedrive(letters(1_200));
    await run();
    expect(sent.map(({ length }) => length)).toEqual([500, 500, 200]);
  });

  test('When records are large, then a request stays below a megabyte', async () => {
    const headers = { pad: Buffer.alloc(250_000) };
    const large = Array.from({ length: 9 }, (_, number) => aDeadLetter({ offset: String(number), number, headers }));
    const { run, sent } = aRedrive(large);
    await run();
    expect(sent.map(({ length }) => length)).toEqual([3, 3, 3]);
  });

  test('When a rate is given, then no more than that is sent in a second', async () => {
    const { run, sent } = aRedrive(letters(12));
    const startedAt = performance.now();
    await run({ rate: 20 });
    expect(sent.map(({ length }) => length)).toEqual([4, 4, 4]);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
  });

  test('When a request fails, then what was sent before is told with the reason', async () => {
    const { run } = aRedrive(letters(1_200), {
      refuse: (_record, goes) => (goes === 2 ? new Error('broker is gone') : undefined),
    });
    expect(await run()).toMatchObject({ toPutBack: 1_200, putBack: 500, stopped: { message: 'broker is gone' } });
  });

  test('When a record is too large for the topic, then it is told and the others are put back', async () => {
    const { run, from } = aRedrive(letters(9), {
      refuse: ({ headers }) => (String(headers['redrive-of']) === '1:1' ? 'refused' : undefined),
    });
    expect(await run()).toMatchObject({ toPutBack: 9, putBack: 8, refused: ['1:1'] });
    expect(from()).toHaveLength(8);
  });

  test('When it is stopped, then the request under way is finished and no other begins', async () => {
    const { run, sent, stop } = aRedrive(letters(1_200), { refuse: () => {
      stop.abort(new Error('stopped'));
      return undefined;
    } });
    expect(await run()).toMatchObject({ toPutBack: 1_200, putBack: 500, stopped: { message: 'stopped' } });
    expect(sent).toHaveLength(1);
  });

  test('When it is stopped while it waits for its turn, then it ends at once', async () => {
    const { run, sent, stop } = aRedrive(letters(10));
    const startedAt = performance.now();
    const done = run({ rate: 1 });
    await eventually(() => sent.length === 1);
    stop.abort(new Error('stopped'));
    expect(await done).toMatchObject({ putBack: 1, stopped: { message: 'stopped' } });
    expect(performance.now() - startedAt).toBeLessThan(900);
  });
});
