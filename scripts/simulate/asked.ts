/** What is asked of partitions, as KafkaJS puts it. */
export type Of<T> = { topic: string; partitions: (T & { partition: number })[] }[];

/** Calls back with the answer, once, now or later. */
export type Answer = (what: object) => void;

/** The handlers of some APIs: each is given the broker that was asked, and the fields of the request. */
export type Handlers<Fields> = { [Api in keyof Fields]: (nodeId: number, fields: Fields[Api], answer: Answer) => void };

export const NO_THROTTLE = { throttleTime: 0, clientSideThrottleTime: 0 };

/** An answer for each partition that was asked for. */
export const each = <T>(topics: Of<T>, one: (topic: string, asked: T & { partition: number }) => object) =>
  topics.map(({ topic, partitions }) => ({
    topic, topicName: topic, partitions: partitions.map((asked) => ({ partition: asked.partition, ...one(topic, asked) })),
  }));
