import Encoder from 'kafkajs/src/protocol/encoder';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import { requests } from 'kafkajs/src/protocol/requests';

/** A request as KafkaJS states it, before it would be encoded. */
export type Request = { api: string; fields: unknown };

/**
 * What travels in bytes is the number under which requests and answers are parked here: KafkaJS's connections, queues and time-outs work
 * on real (if tiny) bytes, and neither side has to encode and decode a record.
 */
const parked = new Map<number, unknown>();
let last = 0;

const park = (what: unknown): number => {
  last = (last + 1) % 2 ** 31;
  parked.set(last, what);
  return last;
};

const pickUp = (ticket: number): unknown => {
  const what = parked.get(ticket);
  parked.delete(ticket);
  return what;
};

/** The ticket under which it can be picked up, in four bytes. */
const ticketOf = (what: unknown): Buffer => {
  const ticket = Buffer.alloc(4);
  ticket.writeInt32BE(park(what));
  return ticket;
};

/** What was sent and never picked up is forgotten. */
export const clearWire = (): void => parked.clear();

const originals = Object.entries(requests).map(([name, definition]) => ({ name, definition, protocol: definition.protocol }));

/**
 * From now on KafkaJS's requests and answers travel by reference; its own reading of the answers' error codes stays.
 * @returns the way back
 */
export const passByReference = (): (() => void) => {
  for (const { name, definition, protocol } of originals) {
    definition.protocol = (which) => {
      const make = protocol(which);
      return (fields) => {
        const { request, response, ...more } = make(fields);
        return {
          ...more,
          request: { ...request, encode: async () => new Encoder().writeBytes(ticketOf({ api: name, fields })) },
          response: { decode: async (payload: Buffer) => pickUp(payload.readInt32BE(0)), parse: response.parse },
        };
      };
    };
  }
  return () => {
    for (const { definition, protocol } of originals) definition.protocol = protocol;
  };
};

/** Reads a request off the bytes that a connection wrote: length, API, version, correlation id, client id, ticket. */
export const readRequest = (bytes: Buffer): Request & { correlationId: number } =>
  ({ ...pickUp(bytes.readInt32BE(bytes.length - 4)) as Request, correlationId: bytes.readInt32BE(8) });

/** An answer as bytes. */
export const writeAnswer = (correlationId: number, answer: unknown): Buffer => {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, ticketOf(answer)]);
};

/** Every API in every version. */
export const everyVersion = Object.values(apiKeys).map((apiKey) => ({ apiKey, minVersion: 0, maxVersion: 99 }));
