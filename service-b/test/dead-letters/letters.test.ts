import { createLetters } from '../../src/dead-letters/letters';
import { stateOf, type Letter } from '../../src/dead-letters/letter';
import type { LogRecord } from '../../src/kafka/log-reader';
import { letterIdOf } from '../../src/kafka/redrive-headers';
import { headersOfPairs, orderIdOf } from '../support/builders';
import { aDeadLetter, aLogRecord } from '../support/log';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 22, 10, 0, second)).toISOString();

const someLetters = (records: LogRecord[] = [], maxBytes = 1_000_000) => {
  const changed: string[] = [];
  const letters = createLetters({ maxBytes, changed: (letter) => void changed.push(`${letter.position} ${stateOf(letter)}`) });
  for (const record of records) letters.add(record);
  return { letters, changed };
};
const positionsOf = ({ letters }: { letters: Letter[] }): string[] => letters.map(({ position }) => position);
const letter = (number: number, place: Parameters<typeof aDeadLetter>[0] = {}): LogRecord =>
  aDeadLetter({ number, offset: String(number), failedAt: at(number), ...place });

/** The letter of an order that was put back from `first` and failed again. */
const again = (first: LogRecord, number: number, offset: string, failedAt: string): LogRecord => aDeadLetter({
  number, offset, failedAt,
  headers: headersOfPairs([
    ['redrive-count', '1'], ['redrive-of', `${first.partition}:${first.message.offset}`], ['redrive-letter', letterIdOf(first.message.value)],
  ]),
});

describe('a page', () => {
  test('When letters come in any order, then the newest come first', () => {
    const { letters } = someLetters([letter(2), letter(4), letter(1), letter(3)]);
    expect(positionsOf(letters.page({}, 10))).toEqual(['0:4', '0:3', '0:2', '0:1']);
  });

  test('When some failed at one time, then they are in the order of where they lie', () => {
    const failedAt = at(0);
    const places = [{ offset: '9', failedAt }, { offset: '10', failedAt }, { partition: 1, failedAt }];
    const { letters } = someLetters(places.map((place, number) => letter(number + 1, place)));
    expect(positionsOf(letters.page({}, 10))).toEqual(['1:3', '0:10', '0:9']);
  });

  test('When one goes on behind the last one, then all come once, also when newer ones have come meanwhile', () => {
    const { letters } = someLetters(Array.from({ length: 7 }, (_, number) => letter(number)));
    const first = letters.page({}, 3);
    letters.add(letter(50));
    const second = letters.page({}, 3, first.letters.at(-1));
    const third = letters.page({}, 3, second.letters.at(-1));
    expect([first, second, third].flatMap(positionsOf)).toEqual(['0:6', '0:5', '0:4', '0:3', '0:2', '0:1', '0:0']);
    expect([first.more, second.more, third.more]).toEqual([true, true, false]);
  });

  test('When the place behind which to go on is gone, then it goes on where it was', () => {
    const { letters } = someLetters([letter(1), letter(3)]);
    expect(positionsOf(letters.page({}, 10, { failedAt: Date.parse(at(2)), partition: 0, offset: 2 }))).toEqual(['0:1']);
  });

  test('When a filter is given, then what matches comes, and how many that are', () => {
    const other = letter(5, { error: new Error('x') });
    const { letters } = someLetters([letter(1), letter(2), letter(3), letter(4), other, aLogRecord({ offset: '6', value: Buffer.from('{bad') })]);
    expect(letters.page({ type: 'PaymentDeclinedError' }, 2)).toMatchObject({ total: 4, more: true });
    expect(positionsOf(letters.page({ type: 'Error' }, 10))).toEqual(['0:5']);
    expect(positionsOf(letters.page({ type: null }, 10))).toEqual(['0:6']);
    expect(positionsOf(letters.page({ order: orderIdOf(2).toUpperCase() }, 10))).toEqual(['0:2']);
    expect(positionsOf(letters.page({ type: 'PaymentDeclinedError', since: Date.parse(at(2)), until: Date.parse(at(4)) }, 10))).toEqual(['0:3', '0:2']);
    expect(letters.page({ type: 'None' }, 10)).toEqual({ letters: [], more: false, total: 0 });
  });

  test('When a letter is read twice, then it is there once', () => {
    const { letters } = someLetters([letter(1), letter(1)]);
    expect([letters.size(), letters.types()]).toEqual([1, [{ errorType: 'PaymentDeclinedError', count: 1, putBack: 0, paid: 0 }]]);
  });
});

describe('what becomes of them', () => {
  const first = letter(1);
  const mark = { of: '0:1', letter: letterIdOf(first.message.value), count: 1 };

  test('When nothing is known, then it is open', () => {
    const { letters } = someLetters([first]);
    expect(stateOf(letters.get('0:1')!)).toBe('open');
  });

  test('When a record has its mark, then it was put back; when the order is paid, then it is paid', () => {
    const { letters, changed } = someLetters([first]);
    letters.marked(mark, orderIdOf(1));
    letters.paid(orderIdOf(1).toUpperCase());
    letters.paid(orderIdOf(1));
    expect(changed).toEqual(['0:1 putBack', '0:1 paid']);
    expect(letters.types()).toEqual([{ errorType: 'PaymentDeclinedError', count: 1, putBack: 1, paid: 1 }]);
  });

  test.each([
    ['another letter', { ...mark, letter: letterIdOf(Buffer.from('x')) }, orderIdOf(1)],
    ['no letter', { ...mark, letter: undefined }, orderIdOf(1)],
    ['another position', { ...mark, of: '0:2' }, orderIdOf(1)],
    ['another key', mark, orderIdOf(2)],
  ])('When a mark tells %s, then it is not believed', (_what, wrong, key) => {
    const { letters } = someLetters([first]);
    letters.marked(wrong, key);
    expect(stateOf(letters.get('0:1')!)).toBe('open');
  });

  test.each([['after', [0, 1]], ['before', [1, 0]]])('When the one that failed again is read %s it, then it failed again', (_when, order) => {
    const both = [first, again(first, 1, '7', at(7))];
    const { letters } = someLetters(order.map((at) => both[at]!));
    expect(stateOf(letters.get('0:1')!)).toBe('failedAgain');
    expect(stateOf(letters.get('0:7')!)).toBe('open');
    letters.paid(orderIdOf(1));
    expect(letters.page({}, 9).letters.map(stateOf)).toEqual(['paid', 'paid']);
  });

  test('When an order is paid and another letter of it comes, then that is of a paid order too', () => {
    const { letters } = someLetters([first]);
    letters.paid(orderIdOf(1));
    letters.add(letter(1, { offset: '8' }));
    expect(stateOf(letters.get('0:8')!)).toBe('paid');
  });
});

describe('bounds', () => {
  test('When there are too many bytes, then the oldest go, and older ones are not taken any more', () => {
    const { letters } = someLetters(Array.from({ length: 1_000 }, (_, number) => letter(number)), 100_000);
    expect(letters.bytes()).toBeLessThanOrEqual(100_000);
    expect(letters.isCut()).toBe(true);
    const size = letters.size();
    expect(size).toBeGreaterThan(150);
    expect(letters.page({}, 1).letters[0]!.position).toBe('0:999');
    expect(letters.add(letter(3))).toBe(false);
    expect(letters.add(letter(2_000))).toBe(true);
    expect(letters.types()[0]!.count).toBe(letters.size());
  });

  test('When the topic is cut or made anew, then what is gone is not shown', () => {
    const { letters } = someLetters([letter(1), letter(2), letter(3), letter(4, { partition: 1 })]);
    letters.cutBefore(0, 3n);
    expect(positionsOf(letters.page({}, 9))).toEqual(['1:4', '0:3']);
    letters.clear();
    expect([letters.size(), letters.bytes(), letters.types()]).toEqual([0, 0, []]);
  });

  test('When ten thousand letters have one key, then they are taken in quickly', () => {
    const startedAt = performance.now();
    const { letters } = someLetters(Array.from({ length: 10_000 }, (_, number) => letter(1, { offset: String(number) })), 100_000_000);
    letters.paid(orderIdOf(1));
    expect(letters.types()[0]).toMatchObject({ count: 10_000, paid: 10_000 });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
