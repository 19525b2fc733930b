import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Kafka, logLevel, type ITopicConfig } from 'kafkajs';
import { clientSettings, type Reach } from './reach';
import { settingLines, splitAtEquals } from './settings';

const topicsFile = resolve(__dirname, '../../kafka/topics.conf');

/** Reads lines of `name partitions config=value …` with `#` comments, as `kafka/create-topics.sh` does. */
export const parseTopics = (text: string): ITopicConfig[] => settingLines(text).map((line) => {
  const [topic = '', partitions, ...configs] = line.split(/\s+/);
  const configEntries = configs.map(splitAtEquals).map(([name, value]) => ({ name, value }));
  return { topic, numPartitions: Number(partitions), configEntries };
});

/** What `kafka/topics.conf` lists. */
export const listedTopics = (): ITopicConfig[] => parseTopics(readFileSync(topicsFile, 'utf8'));

const withAdmin = async <T>(reach: Reach, use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
  const kafka = new Kafka({
    ...clientSettings(reach),
    clientId: 'scripts',
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};

/** Creates what `kafka/topics.conf` lists and the broker does not have; false while the broker cannot do it yet. */
export const createTopics = async (reach: Reach): Promise<boolean> => {
  try {
    return await withAdmin(reach, async (admin) => {
      const present = await admin.listTopics();
      const missing = listedTopics().filter(({ topic }) => !present.includes(topic));
      if (missing.length > 0) await admin.createTopics({ topics: missing });
      return true;
    });
  } catch {
    return false;
  }
};

/** Whether a broker answers there and has every topic of `kafka/topics.conf`. */
export const hasTopics = async (reach: Reach): Promise<boolean> => {
  try {
    const present = await withAdmin(reach, (admin) => admin.listTopics());
    return listedTopics().every(({ topic }) => present.includes(topic));
  } catch {
    return false;
  }
};
