import type { Random } from '../drill/random';
import type { Clock } from './clock';
import type { Network } from './network';

/** A record as KafkaJS decodes it; `appendedAt` is the time of the append. */
export type LogRecord = {
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | null | (Buffer | null)[]>;
  timestamp: string;
  attributes: number;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
  appendedAt: number;
  /** Of a transaction that was aborted: readers skip it. */
  aborted: boolean;
};
export type NewRecord = Partial<Omit<LogRecord, 'offset' | 'appendedAt'>>;

/** Kafka's codes, as KafkaJS names them. */
export const CODE = {
  NONE: 0, OFFSET_OUT_OF_RANGE: 1, UNKNOWN_TOPIC_OR_PARTITION: 3, LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_FOR_PARTITION: 6, REQUEST_TIMED_OUT: 7,
  GROUP_LOAD_IN_PROGRESS: 14, GROUP_COORDINATOR_NOT_AVAILABLE: 15, NOT_COORDINATOR_FOR_GROUP: 16, NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20, ILLEGAL_GENERATION: 22, UNKNOWN_MEMBER_ID: 25, REBALANCE_IN_PROGRESS: 27, MEMBER_ID_REQUIRED: 79,
} as const;

type Awaited = { upTo: number; answer: (code: number) => void };

export type Partition = ReturnType<typeof createPartition>;

/** Time a frozen or vanished follower may stay in the ISR; that of a broker's session with the controller is the same. */
export const SESSION_MS = 3_000;

/**
 * One partition: the leader's log, how much of it each follower holds, and the high watermark below which everybody in the ISR holds it.
 * When the leader changes, what the new one does not hold is gone.
 */
export const createPartition = ({ topic, id, replicas, minIsr, clock, random, network }: {
  topic: string;
  id: number;
  replicas: number[];
  minIsr: number;
  clock: Clock;
  random: Random;
  network: Pick<Network, 'works'>;
}) => {
  const records: LogRecord[] = [];
  const held = new Map<number, number>(replicas.map((nodeId) => [nodeId, 0]));
  let leader = replicas[0]!;
  let isr = [...replicas];
  let highWatermark = 0;
  let waiting: Awaited[] = [];
  const catchingUp = new Set<number>();
  const onProgress = new Set<() => void>();
  let lastMove = 0;

  const progressed = (): void => {
    for (const hear of [...onProgress]) hear();
  };

  const settle = (decide: (upTo: number) => number | undefined): void => {
    const left: Awaited[] = [];
    for (const one of waiting) {
      const code = decide(one.upTo);
      if (code === undefined) left.push(one);
      else one.answer(code);
    }
    waiting = left;
  };

  const advance = (): void => {
    if (!network.works(leader)) return;
    const next = Math.min(...isr.map((nodeId) => (nodeId === leader ? records.length : held.get(nodeId)!)));
    if (next <= highWatermark) return;
    highWatermark = next;
    settle((upTo) => {
      if (upTo > highWatermark) return undefined;
      return isr.length < minIsr ? CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND : CODE.NONE;
    });
    progressed();
  };

  /** Each follower fetches what it lacks, a moment later. */
  const replicate = (): void => {
    if (!network.works(leader)) return;
    held.set(leader, records.length);
    for (const nodeId of replicas) {
      const behind = held.get(nodeId)! < records.length || !isr.includes(nodeId);
      if (nodeId === leader || !behind || catchingUp.has(nodeId) || !network.works(nodeId)) continue;
      catchingUp.add(nodeId);
      const from = leader;
      clock.after(1 + random.integer(random.next() < 0.1 ? 200 : 8), () => {
        catchingUp.delete(nodeId);
        if (from !== leader || !network.works(leader) || !network.works(nodeId)) return void replicate();
        held.set(nodeId, records.length);
        if (!isr.includes(nodeId)) isr.push(nodeId);
        advance();
      });
    }
    advance();
  };

  const lead = (nodeId: number): void => {
    leader = nodeId;
    lastMove = clock.now();
    if (nodeId >= 0) {
      const kept = held.get(nodeId)!;
      records.length = kept;
      for (const [other, count] of held) held.set(other, Math.min(count, kept));
    }
    settle(() => CODE.NOT_LEADER_FOR_PARTITION);
    progressed();
    replicate();
  };

  return {
    topic,
    id,
    replicas,
    records,
    leader: (): number => leader,
    isr: (): number[] => isr,
    highWatermark: (): number => highWatermark,
    lastMove: (): number => lastMove,
    /** Appends, and answers with a code and the base offset once all of the ISR holds it, or not in time. */
    append: (news: NewRecord[], timeoutMs: number, answer: (code: number, base: number) => void): void => {
      const base = records.length;
      if (isr.length < minIsr) return void answer(CODE.NOT_ENOUGH_REPLICAS, base);
      for (const one of news) {
        records.push({
          key: null, value: null, headers: {}, timestamp: String(clock.now()), attributes: 0, isControlRecord: false, aborted: false,
          batchContext: { producerId: '-1', inTransaction: false }, ...one, offset: String(records.length), appendedAt: clock.now(),
        });
      }
      let over = false;
      const once = (code: number): void => {
        if (over) return;
        over = true;
        answer(code, base);
      };
      waiting.push({ upTo: records.length, answer: once });
      clock.after(timeoutMs, () => once(CODE.REQUEST_TIMED_OUT));
      replicate();
    },
    /** Hears when the high watermark or the leader moved. @returns stops that */
    watch: (hear: () => void): (() => void) => {
      onProgress.add(hear);
      return () => void onProgress.delete(hear);
    },
    replicate,
    /** Another member of the ISR takes over, if there is one that works. */
    move: (pick: <T>(from: readonly T[]) => T): boolean => {
      const others = isr.filter((nodeId) => nodeId !== leader && network.works(nodeId));
      if (others.length === 0) return false;
      lead(pick(others));
      return true;
    },
    /** The controller has lost sight of a broker. The last one of the ISR stays in it: nobody else has everything. */
    lose: (nodeId: number, pick: <T>(from: readonly T[]) => T): void => {
      if (isr.length > 1) isr = isr.filter((one) => one !== nodeId);
      if (leader === nodeId) {
        const others = isr.filter((one) => one !== nodeId && network.works(one));
        lead(others.length > 0 ? pick(others) : -1);
      } else {
        advance();
      }
    },
    /** A broker is back; what it held beyond what is committed may differ from the leader's log. */
    regain: (nodeId: number): void => {
      if (leader === nodeId || !replicas.includes(nodeId)) return void replicate();
      if (leader === -1 && isr.includes(nodeId)) return void lead(nodeId);
      held.set(nodeId, Math.min(held.get(nodeId)!, highWatermark));
      replicate();
    },
  };
};
