import { setTimeout } from 'node:timers/promises';
import { KafkaJSProtocolError, type IHeaders } from 'kafkajs';
import type { PlacedMessage } from '../kafka/partitioner';
import { BATCH } from '../kafka/publisher';

/** Resolves once all in-sync replicas hold the records; rejects when that is not so after some tries. */
export type Send = (messages: PlacedMessage[]) => Promise<void>;

/** A record to put back; `position` is that of its dead letter. */
export type Outgoing = { position: string; message: PlacedMessage & { value: Buffer | null; headers: IHeaders } };

const sizeOf = ({ key, value, headers }: Outgoing['message']): number => {
  const parts = Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((one) => [name, one ?? '']));
  return [key ?? '', value ?? '', ...parts].reduce((sum, part) => sum + part.length, BATCH.recordOverheadBytes);
};

/** Collects records into full requests and sends one at a time, at most `rate` records a second. */
export const createSender = ({ send, rate, refuse, signal }: {
  send: Send;
  rate: number;
  /** Is told of a record that the topic does not take. */
  refuse: (position: string) => void;
  /** Ends the wait for the next request; one that is under way is finished. */
  signal: AbortSignal;
}) => {
  // Some requests a second, so that a low rate is not a burst now and then.
  const most = Math.min(BATCH.records, Math.ceil(rate / 5));
  let batch: Outgoing[] = [];
  let bytes = 0;
  let nextAt = 0;
  let sent = 0;

  /** Halves what is too large for the topic as one batch, down to the record that is too large by itself. */
  const sendOrHalve = async (outgoing: Outgoing[]): Promise<void> => {
    try {
      await send(outgoing.map(({ message }) => message));
      sent += outgoing.length;
    } catch (error) {
      if (!(error instanceof KafkaJSProtocolError) || error.type !== 'MESSAGE_TOO_LARGE') throw error;
      if (outgoing.length === 1) {
        refuse(outgoing[0]!.position);
        return;
      }
      const half = Math.ceil(outgoing.length / 2);
      await sendOrHalve(outgoing.slice(0, half));
      await sendOrHalve(outgoing.slice(half));
    }
  };

  const flush = async (beat: () => Promise<void>): Promise<void> => {
    const outgoing = batch;
    if (outgoing.length === 0) return;
    for (let early = nextAt - Date.now(); early > 0; early = nextAt - Date.now()) {
      await setTimeout(Math.min(early, 1_000), undefined, { signal }).catch(() => signal.throwIfAborted());
      await beat();
    }
    nextAt = Date.now() + (outgoing.length * 1_000) / rate;
    batch = [];
    bytes = 0;
    await sendOrHalve(outgoing);
  };

  return {
    /** Sends when a request is full; `beat` is called about every second of a wait. */
    add: async (outgoing: Outgoing, beat: () => Promise<void>): Promise<void> => {
      const size = sizeOf(outgoing.message);
      if (bytes + size > BATCH.bytes) await flush(beat);
      batch.push(outgoing);
      bytes += size;
      if (batch.length >= most) await flush(beat);
    },
    /** Sends what is left. */
    flush: () => flush(async () => undefined),
    /** Records acknowledged. */
    sent: () => sent,
  };
};
