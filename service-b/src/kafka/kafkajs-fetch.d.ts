// What `log-fetch.ts` makes of an answer with KafkaJS 2.2.4.
declare module 'kafkajs/src/consumer/batch' {
  import type { KafkaMessage } from 'kafkajs';
  import type { Fetched } from 'kafkajs/src/broker';
  /** Leaves out what a transaction gave up, its marks, and what lies before the offset that was asked for. */
  class Batch {
    constructor(topic: string, fetchedOffset: string, fetched: Fetched);
    readonly messages: readonly KafkaMessage[];
    lastOffset(): string;
  }
  export default Batch;
}
