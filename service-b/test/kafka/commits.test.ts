import type { Consumer } from 'kafkajs';
import { createCommits } from '../../src/kafka/commits';
import type { Logger } from '../../src/utils/logger';

const logger = { warn: () => undefined } as unknown as Logger;

test('When a commit at once overtakes one that is under way, then the offset is committed again', async () => {
  jest.useFakeTimers();
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  let offset = '21';
  const consumer = {
    commitOffsets: ([one]: { offset: string }[]) => {
      asked.push(one!.offset);
      return new Promise<void>((resolve) => answers.push(resolve));
    },
  } as unknown as Consumer;
  const commits = createCommits({ topic: 'orders', member: () => consumer, offsets: () => [{ partition: 0, offset }], logger });
  commits.start();
  await jest.advanceTimersByTimeAsync(0);
  offset = '23';
  commits.commitAtOnce();
  // The broker takes the later one first.
  for (const answer of answers) answer();
  await jest.advanceTimersByTimeAsync(300);
  expect(asked).toEqual(['21', '23', '23']);
  jest.useRealTimers();
});
