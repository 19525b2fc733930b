import { createMemory } from '../../page/memory.ts';

const asked = { choice: { positions: ['0:1'] }, plan: { chosen: 1, toPutBack: 1, skipped: [] }, startedAt: '2026-11-22T10:00:00.000Z' };

const aMemory = () => {
  const held = new Map<string, string>();
  return { held, ...createMemory({ getItem: (key) => held.get(key) ?? null, setItem: (key, value) => void held.set(key, value) }) };
};

test('When something was asked of a redrive, then it is remembered under its id alone', () => {
  const { save, load } = aMemory();
  save('r-1', asked);
  expect([load('r-1'), load('r-2')]).toEqual([asked, undefined]);
});

test.each(['', '7', '{}', '{bad', JSON.stringify({ ...asked, choice: {} }), JSON.stringify({ ...asked, plan: {} }), JSON.stringify({ ...asked, startedAt: 'now' })])(
  'When what is remembered is %p, then it is nothing', (text) => {
    const { held, load } = aMemory();
    held.set('redrive.r-1', text);
    expect(load('r-1')).toBeUndefined();
  });
