import type { IHeaders } from 'kafkajs';
import { sendHeadersAsTheyAre } from '../../service-b/src/kafka/kafkajs-patches';
import { createHeaderWriter, headersOf } from '../../service-b/src/kafka/record-headers';

export type Header = [name: string | Buffer, value: string | Buffer | null];

// The client of these scripts could not send them either.
sendHeadersAsTheyAre();

/** Headers to send just so: in this order, repeated, without a value. */
export const headersOfList = (list: Header[]): IHeaders => {
  const writer = createHeaderWriter();
  for (const [name, value] of list) writer.add(name, value);
  return headersOf(writer.block());
};
