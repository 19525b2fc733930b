import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import OffsetManager from 'kafkajs/src/consumer/offsetManager';
import Runner from 'kafkajs/src/consumer/runner';
import { followCoordinator, keepPlaceWhenLeadersMove } from './kafkajs-coordinator-patches';

// KafkaJS 2.2.4 as a member of a group: what is fetched belongs to one generation, and ends with it. Each patch says what it does without;
// docs/decisions/0021 has the whole.

/**
 * A batch that was fetched before the member joined anew is dropped, and fetchers that find a reason to join at once join once.
 * Without: the end of such a batch becomes the position of the new generation, and what lies before it is skipped.
 */
const separateGenerations = (): void => {
  const generationOf = new WeakMap<object, OffsetManager | null>();
  const fetch = ConsumerGroup.prototype.fetch;
  ConsumerGroup.prototype.fetch = async function fetchInGeneration(nodeId) {
    const { offsetManager } = this;
    const batches = await fetch.call(this, nodeId);
    for (const batch of batches) generationOf.set(batch, offsetManager);
    return batches;
  };
  const handleBatch = Runner.prototype.handleBatch;
  Runner.prototype.handleBatch = async function handleOwnBatch(batch) {
    if (generationOf.get(batch) === this.consumerGroup.offsetManager) await handleBatch.call(this, batch);
  };

  const joins = new WeakMap<ConsumerGroup, Promise<void>>();
  const joinAndSync = ConsumerGroup.prototype.joinAndSync;
  ConsumerGroup.prototype.joinAndSync = function joinOnce() {
    const joining = joins.get(this) ?? joinAndSync.call(this).finally(() => joins.delete(this));
    joins.set(this, joining);
    return joining;
  };
};

/**
 * Without: fetchers that are built anew while the consumer stops are told by nobody, and go round for ever without a turn for anything else
 * of the process.
 */
const stopEveryFetcher = (): void => {
  const fetch = Runner.prototype.fetch;
  Runner.prototype.fetch = async function fetchWhileRunning(nodeId) {
    if (this.running) return fetch.call(this, nodeId);
    // Not awaited: it waits for the fetcher that asks here.
    void this.fetchManager.stop();
    return [];
  };
};

/**
 * Without: a consumer that is stopped while it joins for the first time goes on with that, and fetches for the life of the process,
 * where nobody can reach it.
 */
const stopWhileJoining = (): void => {
  const stopped = new WeakSet<Runner>();
  const stop = Runner.prototype.stop;
  Runner.prototype.stop = async function stopForGood() {
    stopped.add(this);
    await stop.call(this);
  };
  const schedule = Runner.prototype.scheduleFetchManager;
  Runner.prototype.scheduleFetchManager = function scheduleUnlessStopped() {
    if (stopped.has(this) && this.running) {
      this.running = false;
      this.consuming = false;
      const { consumerGroup } = this;
      void consumerGroup.leave().catch(() => undefined).then(() => consumerGroup.cluster.disconnect()).catch(() => undefined);
      return;
    }
    schedule.call(this);
  };
};

/** By topic and partition: how often KafkaJS went back to the beginning of the log, since the log did not have what was asked for. */
const resets = new Map<string, number>();
const resetsAtFetch = new WeakMap<object, number>();

/**
 * How often the log of a batch's partition had begun anew when the batch was asked for. Two batches of the same number can hold the same
 * records: while a leader moves, the old one and the new one are asked from one position.
 */
export const logNumberOf = (batch: object): number => resetsAtFetch.get(batch) ?? 0;

const numberLogs = (): void => {
  const idOf = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}/${partition}`;
  const setDefaultOffset = OffsetManager.prototype.setDefaultOffset;
  OffsetManager.prototype.setDefaultOffset = async function countResets(of) {
    await setDefaultOffset.call(this, of);
    resets.set(idOf(of), (resets.get(idOf(of)) ?? 0) + 1);
  };
  const fetch = ConsumerGroup.prototype.fetch;
  ConsumerGroup.prototype.fetch = async function fetchNumbered(nodeId) {
    const before = new Map(resets);
    const batches = await fetch.call(this, nodeId);
    for (const batch of batches) resetsAtFetch.set(batch, before.get(idOf(batch)) ?? 0);
    return batches;
  };
};

let done = false;

/** Applies all of them to this process, once. */
export const patchGroups = (): void => {
  if (done) return;
  done = true;
  keepPlaceWhenLeadersMove();
  followCoordinator();
  separateGenerations();
  stopEveryFetcher();
  stopWhileJoining();
  numberLogs();
};
