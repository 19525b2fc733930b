import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  AclOperationTypes, AclPermissionTypes, AclResourceTypes, ConfigResourceTypes, Kafka, ResourcePatternTypes, logLevel, type Admin,
} from 'kafkajs';
import { listedGrants, type Grant } from './lib/grants';
import { runScript } from './lib/run-script';

// Tries every operation of every principal on every topic and group of kafka/acls.conf, and on some that are not in it, and says where a
// broker decides otherwise than the table. Nothing is changed: each try is one that the broker refuses for another reason once it has found
// it allowed, or that it is asked to check only. kcat describes, reads, writes and joins; KafkaJS's admin does what kcat cannot.

const usage = `npx ts-node scripts/acl-matrix.ts --secrets FOLDER [--brokers HOST:PORT,…]
  FOLDER has a folder for each principal with ca.pem, password and kcat.conf (docs/security.md)`;

type Place = { secrets: string; brokers: string };

/** Operations that hold another one in them. */
const HOLDERS: Record<string, string[]> = { Describe: ['Read', 'Write', 'Delete', 'Alter'], DescribeConfigs: ['AlterConfigs'] };

const isGranted = (grants: Grant[], wanted: Grant): boolean => grants.some(({ principal, operation, type, name }) =>
  principal === wanted.principal && type === wanted.type
  && (operation === wanted.operation || (HOLDERS[wanted.operation] ?? []).includes(operation))
  && (name.endsWith('*') ? wanted.name.startsWith(name.slice(0, -1)) : name === wanted.name));

/** The names of the table, one for each prefix, one that goes on from each whole name, and one that nobody has. */
const namesToTry = (grants: Grant[], type: string, mark: string): string[] => {
  const names = grants.filter((grant) => grant.type === type).map(({ name }) => name);
  return [...new Set([
    ...names.map((name) => name.replace(/\*$/, mark)),
    ...names.filter((name) => !name.endsWith('*')).map((name) => `${name}-${mark}`),
    mark,
  ])];
};

const createKcat = ({ secrets, brokers }: Place) => (principal: string) => (args: string[], input = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const folder = join(secrets, principal);
    const known = ['-F', join(folder, 'kcat.conf'), '-X', `ssl.ca.location=${join(folder, 'ca.pem')}`, '-b', brokers];
    const kcat = spawn('timeout', ['20', 'kcat', ...known, ...args]);
    let said = '';
    kcat.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    kcat.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    kcat.on('error', reject);
    kcat.on('close', (code) => resolve(`${said}\nexit code ${code}`));
    kcat.stdin.on('error', () => undefined).end(input);
  });

/** Whether what a tool says is a refusal for want of a right, or one of the answers that only who has the right is given. */
const decided = (said: string, whenAllowed: RegExp): boolean => {
  if (/authorization failed/i.test(said)) return false;
  if (whenAllowed.test(said)) return true;
  throw new Error(`neither allowed nor refused: ${said.slice(-600)}`);
};

/** As KafkaJS tells it: what is refused has one of these types, and a refusal of the coordinator is told as its absence. */
const REFUSALS = [
  'TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'KafkaJSGroupCoordinatorNotFound',
];
const reasonsOf = (error: unknown): string[] => {
  if (!(error instanceof Error)) return [String(error)];
  const { type, errors = [], groups = [], partitions = [] } = error as Error & {
    type?: string; errors?: unknown[]; groups?: { error: unknown }[]; partitions?: { error: unknown }[];
  };
  const inner = [error.cause, ...errors, ...[...groups, ...partitions].map((entry) => entry.error)].filter((one) => one !== undefined);
  return [...type === undefined ? [] : [type], error.name, ...inner.flatMap(reasonsOf)];
};

/** Asks with a connection of its own: what KafkaJS learns for one question, the next one would be refused with. */
const createAdmin = ({ secrets, brokers }: Place) => (principal: string) => async (
  ask: (admin: Admin) => Promise<unknown>, ...whenAllowed: string[]
): Promise<boolean> => {
  const admin = new Kafka({
    brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 2 },
    ssl: { ca: [readFileSync(join(secrets, principal, 'ca.pem'))] },
    sasl: { mechanism: 'scram-sha-512', username: principal, password: readFileSync(join(secrets, principal, 'password'), 'utf8') },
  }).admin();
  await admin.connect();
  try {
    await ask(admin);
    return true;
  } catch (error) {
    const reasons = reasonsOf(error);
    if (reasons.some((reason) => REFUSALS.includes(reason))) return false;
    if (reasons.some((reason) => whenAllowed.includes(reason))) return true;
    throw error;
  } finally {
    await admin.disconnect();
  }
};

type Tools = { kcat: (args: string[], input?: string) => Promise<string>; asked: ReturnType<ReturnType<typeof createAdmin>> };
type Attempts = Record<string, () => Promise<boolean>>;

const topicTries = ({ kcat, asked }: Tools, topic: string): Attempts => {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  return {
    Describe: async () => decided(await kcat(['-L', '-t', topic]), /partition 0, leader/),
    Read: async () => decided(await kcat(['-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-c', '1']), /exit code 0$/),
    // The broker looks at the right first, and only then at a number of acknowledgements that there cannot be.
    Write: async () => decided(await kcat(['-P', '-t', topic, '-p', '0', '-X', 'acks=2'], 'never written'), /Invalid required acks/i),
    Create: () => asked((admin) => admin.createTopics({ validateOnly: true, topics: [{ topic, numPartitions: 1 }] }), 'TOPIC_ALREADY_EXISTS'),
    Alter: () => asked((admin) => admin.createPartitions({ validateOnly: true, topicPartitions: [{ topic, count: 100 }] })),
    DescribeConfigs: () => asked((admin) => admin.describeConfigs({ includeSynonyms: false, resources: [resource] })),
    AlterConfigs: () => asked((admin) => admin.alterConfigs({
      validateOnly: true, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '604800000' }] }],
    })),
    // Everything before the first record. Where the leaders are has to be known before.
    Delete: () => asked(async (admin) => {
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '0' }] });
    }, 'OFFSET_OUT_OF_RANGE'),
  };
};

const groupTries = ({ kcat, asked }: Tools, group: string, topic: string): Attempts => ({
  // A group in use has other assigners, and turns a member with these away without being disturbed.
  Read: async () => decided(
    await kcat(['-G', group, '-e', '-X', 'enable.auto.commit=false', '-X', 'auto.offset.reset=latest', topic]),
    /exit code 0$|Inconsistent group protocol/i,
  ),
  Describe: () => asked((admin) => admin.describeGroups([group])),
  Delete: () => asked((admin) => admin.deleteGroups([group]), 'GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP'),
});

const clusterTries = ({ asked }: Tools): Attempts => {
  const resource = { type: ConfigResourceTypes.BROKER, name: '1' };
  return {
    Describe: () => asked((admin) => admin.describeAcls({
      resourceType: AclResourceTypes.ANY, resourcePatternType: ResourcePatternTypes.ANY, permissionType: AclPermissionTypes.ANY,
      operation: AclOperationTypes.ANY,
    })),
    DescribeConfigs: () => asked((admin) => admin.describeConfigs({ includeSynonyms: false, resources: [resource] })),
    AlterConfigs: () => asked((admin) => admin.alterConfigs({
      validateOnly: true, resources: [{ ...resource, configEntries: [{ name: 'log.cleaner.threads', value: '1' }] }],
    })),
  };
};

const inTurns = async <T>(items: T[], turns: number, act: (item: T) => Promise<void>): Promise<void> => {
  const left = [...items];
  await Promise.all(Array.from({ length: turns }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  }));
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { secrets: { type: 'string' }, brokers: { type: 'string', default: '127.0.0.1:29092' } } });
  if (values.secrets === undefined) throw new Error(usage);
  const place = { secrets: values.secrets, brokers: values.brokers };
  const grants = listedGrants();
  const mark = `matrix-${randomUUID().slice(0, 8)}`;
  const topics = [...namesToTry(grants, 'topic', mark), '__consumer_offsets'];
  const groups = namesToTry(grants, 'group', mark);
  const tries = [...new Set(grants.map(({ principal }) => principal))].flatMap((principal) => {
    const tools = { kcat: createKcat(place)(principal), asked: createAdmin(place)(principal) };
    const readable = grants.find((grant) => grant.principal === principal && grant.operation === 'Read' && grant.type === 'topic')!.name;
    const all = (type: string, name: string, attempts: Attempts) =>
      Object.entries(attempts).map(([operation, attempt]) => ({ principal, operation, type, name, attempt }));
    return [
      ...topics.flatMap((topic) => all('topic', topic, topicTries(tools, topic))),
      ...groups.flatMap((group) => all('group', group, groupTries(tools, group, readable))),
      ...all('cluster', 'kafka-cluster', clusterTries(tools)),
    ];
  });
  const counts = { allowed: 0, refused: 0, wrong: 0 };
  await inTurns(tries, 6, async ({ attempt, ...grant }) => {
    const expected = isGranted(grants, grant);
    const found = await attempt().catch((error: unknown) => error);
    if (found === expected) counts[expected ? 'allowed' : 'refused'] += 1;
    else {
      counts.wrong += 1;
      const what = typeof found === 'boolean' ? `is ${found ? 'allowed' : 'refused'}` : `ends with ${String(found)}`;
      const { principal, operation, type, name } = grant;
      console.log(`not ok ${principal} ${operation} ${type} ${name} ${what}, acls.conf says ${expected ? 'allowed' : 'refused'}`);
    }
  });
  console.log(`${tries.length} tries: ${counts.allowed} allowed and ${counts.refused} refused as acls.conf says, ${counts.wrong} otherwise`);
  return counts.wrong === 0 && counts.allowed > 0 ? 0 : 1;
};

runScript(main);
