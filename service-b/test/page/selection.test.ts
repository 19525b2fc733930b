import { createSelection, SELECTION_MAX } from '../../page/selection.ts';

test('When letters are chosen and let go, then those that are left are told, in their order', () => {
  const changes = jest.fn();
  const selection = createSelection(changes);
  selection.set(['0:1', '0:2', '1:1'], true);
  selection.set(['0:2'], false);
  expect([selection.positions(), selection.has('0:1'), selection.has('0:2'), changes.mock.calls.length]).toEqual([['0:1', '1:1'], true, false, 2]);
  selection.clear();
  expect(selection.positions()).toEqual([]);
});

test('When more are chosen than one redrive may name, then they are left out', () => {
  const selection = createSelection(() => undefined);
  selection.set(Array.from({ length: SELECTION_MAX + 5 }, (_, i) => `0:${i}`), true);
  expect(selection.positions()).toHaveLength(SELECTION_MAX);
});
