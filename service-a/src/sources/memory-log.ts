import type { Kafka } from 'kafkajs';
import { createFollower } from '../kafka/follower';
import { createRecordHandler } from '../kafka/record-handler';
import { createFeed } from '../processors/feed';
import type { Changes } from '../processors/order-store';
import { createMemoryStore } from '../store/memory';
import type { Logger } from '../utils/logger';
import { passOn, type Tracer } from '../utils/tracing';
import type { OrderSource } from './order-source';

type HandlerDeps = Parameters<typeof createRecordHandler>[0];
type FollowerDeps = Parameters<typeof createFollower>[0];

/** The store in memory, and what keeps it at the state of the log: topics are read from their beginning at each start, then followed. */
export const createMemoryLog = ({ bounds, codec, topics, kafka, groupId, onRecord, onJoin, onRestart, tracer, trail, logger }: {
  bounds: Parameters<typeof createMemoryStore>[0];
  codec: HandlerDeps['codec'];
  topics: HandlerDeps['topics'];
  kafka: Kafka;
  groupId: string;
  onRecord: HandlerDeps['onRecord'];
  onJoin: FollowerDeps['onJoin'];
  onRestart: FollowerDeps['onRestart'];
  tracer: Pick<Tracer, 'start'>;
  trail: HandlerDeps['trail'];
  logger: Logger;
}) => {
  const store = createMemoryStore(bounds);
  const feed = createFeed({ positions: () => follower.positions(), unmet: store.unmet });
  const { handle } = createRecordHandler({
    codec,
    topics,
    groupId,
    store,
    feed,
    onRecord,
    // What is read while the state is rebuilt was traced when it was new.
    startSpan: (...span) => (follower.caughtUp() ? tracer : passOn).start(...span),
    trail,
    logger,
  });
  const follower = createFollower({ kafka, groupId, topics: Object.values(topics), handle, onJoin, onRestart, logger });
  // What is read of the log here is told here: nothing is missed.
  const changes: Changes = {
    onChange: store.onChange, onGap: () => undefined, position: feed.position, since: async (position) => feed.since(position),
  };
  return { store, changes, checks: () => ({}), log: follower, close: async () => undefined } satisfies OrderSource;
};
