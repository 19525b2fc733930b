import { amountText, durationText, rateText } from '../../board/format.ts';

test.each([
  [undefined, '–'], [0, '0 ms'], [999.4, '999 ms'], [1_234, '1.23 s'], [59_940, '59.9 s'], [125_000, '2 min 5 s'],
  [3_600_000, '1 h 0 min'], [180_000_000, '2 d 2 h'],
])('When a duration is %p ms, then it reads %p', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test('When an amount is shown, then it has two decimals at least', () => {
  expect([9, 1_234.5, 0.0125].map((amount) => amountText({ amount, currency: 'USD' }))).toEqual(['9.00 USD', '1,234.50 USD', '0.0125 USD']);
});

test('When a rate is below ten, then it has a tenth', () => {
  expect([0, 9.94, 2_000.4].map(rateText)).toEqual(['0.0', '9.9', '2,000']);
});
