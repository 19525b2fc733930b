import { setTimeout } from 'node:timers/promises';
import { headerBytesOf } from '../kafka/record-headers';
import type { Outgoing } from '../kafka/send-queue';

/**
 * Resolves once all in-sync replicas hold the record: `sent`. Or with `refused`, when the topic takes no record of that size.
 * Rejects when it is neither after some tries.
 */
export type Send = (record: RecordToSend) => Promise<'sent' | 'refused'>;

export type RecordToSend = Pick<Outgoing, 'key' | 'value' | 'headers' | 'fallbackPartition'>;

/** The original of a dead letter, and the position of that. */
type ToRedrive = { position: string; message: RecordToSend };

/** In one go at most: what goes into a request is the business of whoever sends. */
const MOST = { records: 500, bytes: 900_000 };

const sizeOf = ({ key, value, headers }: RecordToSend): number => (key?.length ?? 0) + (value?.length ?? 0) + headerBytesOf(headers);

/** Sends records in goes, one after the other, at most `rate` records a second. */
export const createSender = ({ send, rate, onSent, onRefused, signal }: {
  send: Send;
  rate: number;
  /** Hears of a record that is acknowledged. */
  onSent: (position: string) => void;
  /** Hears of a record that the topic does not take. */
  onRefused: (position: string) => void;
  /** Ends the wait for the next go; one that is under way is finished. */
  signal: AbortSignal;
}) => {
  // Some goes a second, so that a low rate is not a burst now and then.
  const most = Math.min(MOST.records, Math.ceil(rate / 5));
  let go: ToRedrive[] = [];
  let bytes = 0;
  let nextAt = 0;

  const flush = async (beat: () => Promise<void>): Promise<void> => {
    const records = go;
    if (records.length === 0) return;
    for (let early = nextAt - Date.now(); early > 0; early = nextAt - Date.now()) {
      await setTimeout(Math.min(early, 1_000), undefined, { signal }).catch(() => signal.throwIfAborted());
      await beat();
    }
    nextAt = Date.now() + (records.length * 1_000) / rate;
    go = [];
    bytes = 0;
    const outcomes = await Promise.allSettled(records.map(async ({ position, message }) => {
      if (await send(message) === 'sent') onSent(position);
      else onRefused(position);
    }));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  };

  return {
    /** Sends when there is enough for a go; `beat` is called about every second of a wait. */
    add: async (record: ToRedrive, beat: () => Promise<void>): Promise<void> => {
      const size = sizeOf(record.message);
      if (bytes + size > MOST.bytes) await flush(beat);
      go.push(record);
      bytes += size;
      if (go.length >= most) await flush(beat);
    },
    /** Sends what is left. */
    flush: () => flush(async () => undefined),
  };
};
