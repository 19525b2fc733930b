import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSRequestTimeoutError } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import OffsetManager from 'kafkajs/src/consumer/offsetManager';
import { KafkaJSBrokerNotFound } from 'kafkajs/src/errors';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';

// KafkaJS 2.2.4 as a member of a group, where its coordinator, a broker or a leader moves: it keeps its place. Each patch says what it does
// without; docs/decisions/0021 has the whole.

const LOOK_AGAIN_MS = 100;
const JOIN_AGAIN_MS = 10_000;
const UNKNOWN_MEMBER_ID = 25;
const REBALANCE_IN_PROGRESS = 27;

const typeOf = (error: Error): unknown => ('type' in error ? error.type : undefined);

const isConnectionLost = (error: Error): boolean =>
  error instanceof KafkaJSConnectionError || error instanceof KafkaJSRequestTimeoutError || error instanceof KafkaJSBrokerNotFound;

const LEADER_MOVED = new Set<unknown>(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']);

/**
 * A fetch that fails because of its broker costs a look at the metadata. Without: the member joins its group anew for each leader that
 * moves, and its consumer ends for each broker that goes.
 */
export const keepPlaceWhenLeadersMove = (): void => {
  const recover = ConsumerGroup.prototype.recoverFromFetch;
  ConsumerGroup.prototype.recoverFromFetch = async function recoverInPlace(error) {
    if (!LEADER_MOVED.has(typeOf(error)) && !isConnectionLost(error)) return recover.call(this, error);
    await sleep(LOOK_AGAIN_MS);
    return this.cluster.refreshMetadata();
  };
};

const COORDINATOR_MOVED = new Set<unknown>(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS']);
const hasLostCoordinator = (error: unknown): boolean =>
  error instanceof Error && (COORDINATOR_MOVED.has(typeOf(error)) || isConnectionLost(error));

/** KafkaJS gives up joining: at once, or after its few retries, whose last error has lost its type. */
const mayJoinYet = (error: unknown): boolean => error instanceof KafkaJSNumberOfRetriesExceeded
  ? !(error.cause instanceof Error && isConnectionLost(error.cause))
  : error instanceof Error && COORDINATOR_MOVED.has(typeOf(error));

/**
 * The place in the group outlives its coordinator: the next one knows it. Without: the consumer ends, and the group waits for a dead
 * member.
 */
export const followCoordinator = (): void => {
  const searches = new WeakMap<ConsumerGroup, Promise<void>>();
  const search = async (group: ConsumerGroup): Promise<void> => {
    const coordinator = await group.cluster.findGroupCoordinator({ groupId: group.groupId });
    group.coordinator = coordinator;
    if (group.offsetManager !== null) group.offsetManager.coordinator = coordinator;
  };

  const heartbeat = ConsumerGroup.prototype.heartbeat;
  ConsumerGroup.prototype.heartbeat = async function heartbeatOrSearch(options) {
    // A join that failed has left it without an id: KafkaJS sends no heartbeats then, and reads on outside its group for ever.
    if (this.memberId === null) throw createErrorFromCode(UNKNOWN_MEMBER_ID);
    // One that failed at its end leaves the generation before in what commits: these would be refused for ever.
    const { offsetManager, generationId } = this;
    if (offsetManager !== null && offsetManager.generationId !== generationId) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
    // Without: after the clock was set back none is sent until it is that late again, and the member is out of its group.
    this.lastRequest = Math.min(this.lastRequest, Date.now());
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      if (!hasLostCoordinator(error)) throw error;
      // Beside the fetches: nothing that is read depends on it. The next heartbeat goes to whoever was found.
      if (!searches.has(this)) searches.set(this, search(this).catch(() => undefined).finally(() => searches.delete(this)));
    }
  };

  OffsetManager.prototype.getCoordinator = async function getCoordinator() {
    if (!this.coordinator.isConnected()) this.coordinator = await this.cluster.findGroupCoordinator({ groupId: this.groupId });
    return this.coordinator;
  };
  const commitOffsets = OffsetManager.prototype.commitOffsets;
  OffsetManager.prototype.commitOffsets = async function commitOrSearch(offsets) {
    try {
      await commitOffsets.call(this, offsets);
    } catch (error) {
      if (hasLostCoordinator(error)) this.coordinator = await this.cluster.findGroupCoordinator({ groupId: this.groupId });
      throw error;
    }
  };

  // Without: a coordinator that moves on while a member joins ends its consumer.
  const joinAndSync = ConsumerGroup.prototype.joinAndSync;
  ConsumerGroup.prototype.joinAndSync = async function joinWhoeverCoordinates() {
    for (const until = performance.now() + JOIN_AGAIN_MS; ;) {
      try {
        await joinAndSync.call(this);
        return;
      } catch (error) {
        if (!mayJoinYet(error) || performance.now() > until) throw error;
        await sleep(LOOK_AGAIN_MS);
      }
    }
  };
};
