import type { LogPosition, OrderFact } from '../../src/processors/facts';
import { applyFact, type OrderEntry, type OrderStatus } from '../../src/processors/projection';
import { shown, type OrderView } from './builders';

/** What a record says, and where in its topic it lies. */
export type TestRecord = { fact: OrderFact; position: LogPosition };

/** Records of one partition of each topic, one behind the other. */
export const recordsOf = (...facts: OrderFact[]): TestRecord[] =>
  facts.map((fact, i) => ({ fact, position: { partition: 0, offset: String(i) } }));

/** What is known of an order after these records, read one by one. */
export const entryAfter = (records: readonly TestRecord[]): OrderEntry =>
  records.reduce<OrderEntry>((entry, { fact, position }) => applyFact(entry, fact, position), {});

/** What is shown of it: facts that follow each other in the log, and are read in that order. */
export const viewAfter = (facts: OrderFact[]): OrderView | undefined => shown(entryAfter(recordsOf(...facts)));

/** Tells a store facts as records that follow each other. */
export const tellerOf = (store: { apply: (fact: OrderFact, position: LogPosition) => OrderStatus | undefined }) => {
  let offset = 0;
  return (...facts: OrderFact[]): (OrderStatus | undefined)[] => facts.map((fact) => {
    offset += 1;
    return store.apply(fact, { partition: 0, offset: String(offset) });
  });
};

/** Numbers that look random and are the same in every run. */
export const createRandom = (seed: number) => (below: number): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
};

/** Merges lists at random, each in its own order. */
export const merged = <T>(lists: readonly (readonly T[])[], random: (below: number) => number): T[] => {
  const rest = lists.filter((list) => list.length > 0).map((list) => [...list]);
  const result: T[] = [];
  while (rest.length > 0) {
    const at = random(rest.length);
    result.push(rest[at]!.shift()!);
    if (rest[at]!.length === 0) rest.splice(at, 1);
  }
  return result;
};
