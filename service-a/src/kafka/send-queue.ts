import { KafkaJSError, type IHeaders } from 'kafkajs';
import { placeOf, type Leaders, type PlacedMessage } from './partitioner';
import { blockOf, sealed } from './record-headers';
import type { Failure } from './send-failure';

/** Where a record was appended. */
export type Position = { partition: number; offset: string };

/** A record to send, and what its sender hears of it. */
export type Outgoing = {
  key: Buffer | null;
  value: Buffer | string | null;
  headers: IHeaders;
  /** Where it goes without a key. */
  fallbackPartition: number;
  /** Asked before each try: true when nobody waits for it any more, and it is forgotten. */
  isOver: () => boolean;
  /** All in-sync replicas hold it. */
  acknowledged: (position: Position) => void;
  /** A try failed. @returns whether to try again */
  failed: (failure: Failure) => boolean;
};

/** `together`: the most records of its partition that may go with it; what is refused for its size is tried again in halves. */
export type Waiting = Pick<Outgoing, 'isOver' | 'acknowledged' | 'failed'> & {
  message: PlacedMessage & { partition: number; leader: number };
  bytes: number;
  together: number;
};

/** Stands for the leader while none is known. A lone record finds out. */
const UNKNOWN = -1;
/**
 * What goes into one request at most. KafkaJS groups a batch by partition in quadratic time: past some hundreds of records one batch more
 * is cheaper. The bytes stay below the smallest max.message.bytes of the topics; a larger record goes alone.
 */
const BATCH = { records: 500, bytes: 900_000 };
/** On the wire, of a record: more than it takes. */
const OVERHEAD_BYTES = 64;

const lengthOf = (part: Buffer | string | null): number => (part === null ? 0 : Buffer.byteLength(part));

/** A partition is not led by the broker that the request was made for: nothing was sent. */
export class LeaderMovedError extends KafkaJSError {
  override readonly name = 'LeaderMovedError';
}

/** Records that wait to be sent, by partition; a request takes those of the partitions that one broker leads. */
export const createSendQueue = ({ onWork, onEmpty }: {
  /** Hears that something waits for this leader. */
  onWork: (leader: number) => void;
  /** Hears that no record is held any more, neither here nor in a request. */
  onEmpty: () => void;
}) => {
  let queues: Waiting[][] = [];
  let leaders: number[] = [];
  let seen: Leaders | undefined;
  /** What waits for the number of partitions to be known. */
  let unplaced: Waiting[] = [];
  /** Whose turn it is to be asked first: none starves behind a full one. */
  let turn = 0;
  let records = 0;
  let bytes = 0;

  const enqueue = (waiting: Waiting): void => {
    const partition = leaders.length === 0 ? undefined : placeOf(waiting.message, leaders.length);
    if (partition === undefined) unplaced.push(waiting);
    else queues[partition]!.push(waiting);
    onWork(partition === undefined ? UNKNOWN : leaders[partition]!);
  };

  /** Takes over what the client knows of the topic: what waits goes to the leaders of now. */
  const learn = (known: Leaders): void => {
    if (known === seen) return;
    seen = known;
    const fresh: number[] = [];
    for (const { partitionId, leader } of known) fresh[partitionId] = leader;
    const sameCount = fresh.length === leaders.length;
    leaders = fresh;
    if (sameCount) {
      queues.forEach((queue, partition) => queue.length > 0 && onWork(leaders[partition]!));
    } else {
      const waiting = [...queues.flat(), ...unplaced];
      [queues, unplaced] = [fresh.map(() => []), []];
      waiting.forEach(enqueue);
    }
  };

  /** KafkaJS asks it for the partition of each message of a request, with the metadata that it will send by. */
  const place = (placed: PlacedMessage, known: Leaders): number => {
    learn(known);
    const message = placed as Waiting['message'];
    const partition = placeOf(message, known.length);
    if (message.leader !== UNKNOWN && (message.partition !== partition || message.leader !== leaders[partition])) {
      throw new LeaderMovedError(`partition ${partition} is led by broker ${leaders[partition]} now`);
    }
    message.partition = partition;
    return partition;
  };

  const forget = (waiting: Waiting): void => {
    records -= 1;
    bytes -= waiting.bytes;
    if (records === 0) onEmpty();
  };

  /** Moves what may go along from the front of a queue to a batch. @returns the bytes of the batch */
  const take = (queue: Waiting[], batch: Waiting[], most: number, before: number): number => {
    let size = before;
    let together = Infinity;
    let taken = 0;
    const first = batch.length;
    for (const waiting of queue) {
      if (waiting.isOver()) {
        forget(waiting);
      } else {
        together = Math.min(together, waiting.together);
        const fits = size + waiting.bytes <= BATCH.bytes && batch.length < most && batch.length - first < together;
        if (batch.length > 0 && !fits) break;
        size += waiting.bytes;
        batch.push(waiting);
      }
      taken += 1;
    }
    queue.splice(0, taken);
    return size;
  };

  return {
    add: (outgoing: Outgoing): void => {
      const { key, value, fallbackPartition, isOver, acknowledged, failed } = outgoing;
      // Written out once: they are counted here, and sent as they are.
      const block = blockOf(outgoing.headers);
      const message = { key, value, headers: sealed(block), fallbackPartition, place, partition: -1, leader: UNKNOWN };
      const size = OVERHEAD_BYTES + lengthOf(key) + lengthOf(value) + block.bytes.length;
      // Named one by one: a spread costs as much as all else here.
      const waiting: Waiting = { message, isOver, acknowledged, failed, bytes: size, together: Infinity };
      records += 1;
      bytes += waiting.bytes;
      enqueue(waiting);
    },
    /** The next request for a leader; empty when nothing waits for it. */
    takeBatch: (leader: number): Waiting[] => {
      const batch: Waiting[] = [];
      const most = leader === UNKNOWN ? 1 : BATCH.records;
      let size = leader === UNKNOWN ? take(unplaced, batch, most, 0) : 0;
      turn += 1;
      for (let i = 0; i < leaders.length; i += 1) {
        const partition = (turn + i) % leaders.length;
        if (leaders[partition] !== leader) continue;
        const first = batch.length;
        size = take(queues[partition]!, batch, most, size);
        for (let at = first; at < batch.length; at += 1) batch[at]!.message.partition = partition;
      }
      for (const { message } of batch) message.leader = leader;
      return batch;
    },
    /** Takes records of a request back that are to be tried again: to the front in their order, or behind all others. */
    putBack: (again: Waiting[], behind: boolean): void => {
      if (behind) again.forEach(enqueue);
      else if (leaders.length === 0) unplaced = [...again, ...unplaced];
      else queues = queues.map((queue, partition) => {
        const own = again.filter((waiting) => placeOf(waiting.message, leaders.length) === partition);
        return own.length === 0 ? queue : [...own, ...queue];
      });
      for (const leader of new Set(leaders)) onWork(leader);
    },
    /** A record of a request has its end. */
    forget,
    waiting: (): number => queues.reduce((sum, queue) => sum + queue.length, unplaced.length),
    /** Held, in requests too. */
    records: (): number => records,
    bytes: (): number => bytes,
  };
};
