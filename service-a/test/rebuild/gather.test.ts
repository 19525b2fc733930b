import type { CopiedBatch } from '../../src/rebuild/copy-batches';
import { createGather } from '../../src/rebuild/gather';
import { deferred, type Deferred } from '../support/fakes';
import { batchOf } from '../support/postgres';

const batchAt = (from: number): CopiedBatch => ({ ...batchOf([], { from }), isPast: true });

describe('createGather', () => {
  let writes: { offsets: string[]; written: Deferred<void> }[];
  const gather = () => {
    writes = [];
    return createGather((batches) => {
      const written = deferred();
      writes.push({ offsets: batches.map(({ from }) => from), written });
      return written.promise;
    });
  };
  const offsetsOf = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => String(from + i));
  const addAll = async ({ add }: ReturnType<typeof createGather>, from: number, count: number): Promise<void> => {
    for (let at = from; at < from + count; at += 1) await add(batchAt(at));
  };

  test('When twenty batches have come, then they are written together, and the next twenty may come meanwhile', async () => {
    const gathered = gather();
    await addAll(gathered, 0, 39);
    expect(writes.map(({ offsets }) => offsets)).toEqual([offsetsOf(0, 20)]);
    const last = gathered.add(batchAt(39));
    await new Promise(setImmediate);
    expect(writes).toHaveLength(1);
    writes[0]!.written.resolve();
    await last;
    expect(writes.map(({ offsets }) => offsets)).toEqual([offsetsOf(0, 20), offsetsOf(20, 20)]);
  });

  test('When all is to be written, then that waits for what is being written and for what waits', async () => {
    const gathered = gather();
    await addAll(gathered, 0, 22);
    let flushed = false;
    const flushing = gathered.flush().then(() => { flushed = true; });
    writes[0]!.written.resolve();
    await new Promise(setImmediate);
    expect([writes[1]?.offsets, flushed]).toEqual([['20', '21'], false]);
    writes[1]!.written.resolve();
    await flushing;
    await gathered.flush();
    expect(writes).toHaveLength(2);
  });

  test('When a write fails, then whoever comes next hears of it', async () => {
    const gathered = gather();
    await addAll(gathered, 0, 20);
    writes[0]!.written.reject(new Error('no'));
    await expect(gathered.flush()).rejects.toThrow('no');
    await expect(addAll(gathered, 20, 20)).rejects.toThrow('no');
  });
});
