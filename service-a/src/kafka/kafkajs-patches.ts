import type { Message } from 'kafkajs';
import Decoder from 'kafkajs/src/protocol/decoder';
import Encoder from 'kafkajs/src/protocol/encoder';
import RequestQueue from 'kafkajs/src/network/requestQueue';
import { RecordBatch } from 'kafkajs/src/protocol/recordBatch/v0';
import Produce, { type PartitionData, type ProduceData } from 'kafkajs/src/protocol/requests/produce';
import { blockOf, headersOf } from './record-headers';

/**
 * KafkaJS 2.2.4 re-arms its "check pending requests" timer for ever, with a negative delay, on every connection: about 900 wake-ups
 * a second of an idle process. The timer has work to do only while requests are pending, so it is armed only then.
 */
export const tameRequestQueue = (): void => {
  const armTimer = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
    if (this.pending.length > 0) armTimer.call(this);
  };
};

const ENCODER_BYTES = 512;

/**
 * KafkaJS 2.2.4 encodes a request in some ten parts, and each record in two, each in a zeroed ArrayBuffer of its own. Node's pool does as
 * well, since only what was written is ever read: a twentieth less CPU under load, a seventh less when requests are small.
 */
export const poolEncoderBuffers = (): void => {
  // For the constructor alone: it begins with nothing, and the first write makes room.
  Encoder.nextPowerOfTwo = () => 0;
  Encoder.prototype.ensureAvailable = function ensureAvailable(bytes) {
    const needed = this.offset + bytes;
    if (needed <= this.buf.length) return;
    let size = Math.max(this.buf.length, ENCODER_BYTES);
    while (size < needed) size *= 2;
    const larger = Buffer.allocUnsafe(size);
    this.buf.copy(larger, 0, 0, this.offset);
    this.buf = larger;
  };
};

/** Most records are so. */
const withoutHeaders = { reduce: () => headersOf({ count: 0, bytes: Buffer.alloc(0) }) };

/**
 * KafkaJS 2.2.4 copies all headers of a record once for each: 6,000 in 35 kB take seconds. Its object also loses their order and takes a
 * name like `toString` for a header seen before. Here they are left on the wire until somebody asks (`record-headers.ts`).
 */
export const readHeadersWhenAsked = (): void => {
  // Its only caller is the decoder of records, which goes on with `reduce`. Headers are the last part of a record.
  Decoder.prototype.readVarIntArray = function readVarIntArray() {
    const count = this.readVarInt();
    if (count === 0) return withoutHeaders;
    const block = { count, bytes: this.readAll() };
    return { reduce: () => headersOf(block) };
  };
};

const encodeRecord = ({ key, value, headers }: Message, offsetDelta: number, timestampDelta: number): Encoder => {
  const { count, bytes } = blockOf(headers);
  const body = new Encoder()
    .writeInt8(0).writeVarLong(timestampDelta).writeVarInt(offsetDelta)
    .writeVarIntBytes(key).writeVarIntBytes(value)
    .writeVarInt(count).writeBuffer(bytes);
  return new Encoder().writeVarInt(body.size()).writeEncoder(body);
};

const encodePartition = async ({ partition, messages, firstSequence }: PartitionData, data: ProduceData): Promise<Encoder> => {
  const now = Date.now();
  const times = messages.map(({ timestamp }) => Number(timestamp ?? now));
  const firstTimestamp = times.reduce((first, time) => Math.min(first, time), Infinity);
  const { compression, producerId, producerEpoch, transactionalId } = data;
  const batch = await RecordBatch({
    compression, producerId, producerEpoch, firstSequence, firstTimestamp,
    maxTimestamp: times.reduce((last, time) => Math.max(last, time), firstTimestamp),
    transactional: Boolean(transactionalId),
    lastOffsetDelta: messages.length - 1,
    records: messages.map((message, index) => encodeRecord(message, index, times[index]! - firstTimestamp)),
  });
  return new Encoder().writeInt32(partition).writeInt32(batch.size()).writeEncoder(batch);
};

/** Produce request, versions 3 to 7: https://kafka.apache.org/protocol#The_Messages_Produce */
const encodeProduce = async (data: ProduceData): Promise<Encoder> => {
  const topics: Encoder[] = [];
  for (const { topic, partitions } of data.topicData) {
    const encoded: Encoder[] = [];
    for (const partition of partitions) encoded.push(await encodePartition(partition, data));
    topics.push(new Encoder().writeString(topic).writeArray(encoded));
  }
  return new Encoder().writeString(data.transactionalId ?? null).writeInt16(data.acks).writeInt32(data.timeout).writeArray(topics);
};

const FIRST_WITH_HEADERS = 3;

/**
 * KafkaJS 2.2.4 throws at a header whose value is null, loses the order of repeated names, and makes an encoder of half a kilobyte for each
 * header. Here a record's headers go out as they came in.
 */
export const sendHeadersAsTheyAre = (): void => {
  const protocolOf = Produce.protocol;
  Produce.protocol = ({ version }) => {
    const build = protocolOf({ version });
    if (version < FIRST_WITH_HEADERS) return build;
    return (data) => {
      const { request, response } = build(data);
      return { request: { ...request, encode: () => encodeProduce(data) }, response };
    };
  };
};
