import Encoder from 'kafkajs/src/protocol/encoder';
import { poolEncoderBuffers } from '../../src/kafka/kafkajs-patches';

const text = (length: number): string => 'äbc'.repeat(length).slice(0, length);
const encoded = (sizes: number[]): Buffer => sizes.reduce(
  (encoder, size) => encoder
    .writeString(text(size)).writeBytes(Buffer.from(text(size))).writeEncoder(new Encoder().writeString(text(size))),
  new Encoder(),
).buffer;

test('When encoders take their memory from the pool, then they write the same bytes, however many', () => {
  const cases = [[], [0], [1, 2, 3], [507], [508], [509], [510, 1], [600, 600, 600, 600], [5_000, 3, 10_000]];
  const before = cases.map(encoded);
  const { nextPowerOfTwo, prototype: { ensureAvailable } } = Encoder;
  poolEncoderBuffers();
  const after = cases.map(encoded);
  Object.assign(Encoder, { nextPowerOfTwo });
  Object.assign(Encoder.prototype, { ensureAvailable });
  expect(after).toEqual(before);
});
