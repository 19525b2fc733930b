import { createKeyQueue } from '../../src/kafka/key-queue';
import { deferred, type Deferred } from '../support/fakes';

/** A queue whose tasks say when they begin, and end when told to. */
const aQueue = () => {
  const { run } = createKeyQueue();
  const begun: string[] = [];
  const ends = new Map<string, Deferred<void>>();
  const add = (key: string | undefined, name: string): void => {
    const end = deferred();
    ends.set(name, end);
    run(key, () => {
      begun.push(name);
      return end.promise;
    });
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)!.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { add, end, begun };
};

describe('tasks of one key', () => {
  test('When they come together, then they run one after the other, in their order', async () => {
    const { add, end, begun } = aQueue();
    ['a1', 'a2', 'a3'].forEach((name) => add('a', name));
    expect(begun).toEqual(['a1']);
    await end('a1');
    expect(begun).toEqual(['a1', 'a2']);
    await end('a2');
    expect(begun).toEqual(['a1', 'a2', 'a3']);
  });

  test('When one comes after all have ended, then it runs at once', async () => {
    const { add, end, begun } = aQueue();
    add('a', 'a1');
    await end('a1');
    add('a', 'a2');
    expect(begun).toEqual(['a1', 'a2']);
  });
});

describe('tasks of different keys', () => {
  test('When one waits, then the others go on', async () => {
    const { add, end, begun } = aQueue();
    add('a', 'a1');
    add('a', 'a2');
    add('b', 'b1');
    expect(begun).toEqual(['a1', 'b1']);
    await end('b1');
    add('b', 'b2');
    expect(begun).toEqual(['a1', 'b1', 'b2']);
  });

  test.each(['__proto__', 'constructor', ''])('When a key is %p, then it is a key like any other', async (key) => {
    const { add, end, begun } = aQueue();
    add(key, '1');
    add(key, '2');
    expect(begun).toEqual(['1']);
    await end('1');
    expect(begun).toEqual(['1', '2']);
  });

  test('When tasks have no key, then they wait for nobody', () => {
    const { add, begun } = aQueue();
    add(undefined, '1');
    add(undefined, '2');
    expect(begun).toEqual(['1', '2']);
  });
});
