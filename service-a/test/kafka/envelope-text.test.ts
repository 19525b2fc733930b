import { withoutOriginalHeaders } from '../../src/kafka/envelope-text';

const many = Array.from({ length: 20_000 }, (_header, i) => [`h${i}`, null]);
const letter = { errorType: 'InvalidOrderError', retryCount: 0 };
const read = (envelope: object): unknown => {
  const brief = withoutOriginalHeaders(JSON.stringify(envelope));
  return brief === undefined ? undefined : JSON.parse(brief);
};

test('12.2 When a dead letter ends with many headers of its original, then the rest can be read without them', () => {
  expect(read({ originalValue: 'x', ...letter, originalHeaders: many })).toEqual({ originalValue: 'x', ...letter });
});

test('When it is small, then nothing is left out', () => {
  expect(read({ ...letter, originalHeaders: [['a', 'b']] })).toBeUndefined();
});

test('When a text looks like them, then it is not taken for them', () => {
  const originalValue = `${'x'.repeat(70_000)},"originalHeaders":[[`;
  expect(read({ originalValue, ...letter })).toBeUndefined();
  expect(read({ originalValue, ...letter, originalHeaders: many })).toEqual({ originalValue, ...letter });
});

test('When a field of the original is called so, then what is left is no JSON, so that the whole is read', () => {
  expect(() => read({ originalValue: { a: 1, originalHeaders: many }, ...letter })).toThrow(SyntaxError);
});
