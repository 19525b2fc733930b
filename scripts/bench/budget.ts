import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

type Frame = { functionName: string; url: string };
type Profile = { nodes: { id: number; callFrame: Frame; children?: number[] }[]; samples: number[]; timeDeltas: number[] };

/** What a stack frame belongs to: the first pattern that its file matches. */
const AREAS: [RegExp, string][] = [
  [/kafkajs\/src\/(producer|protocol\/requests\/produce)|recordBatch\/(v0|record\/v0|header\/v0)\/index|crc32C|encoder/, 'KafkaJS: produce'],
  [/kafkajs\/src\/(consumer|protocol\/requests\/fetch|protocol\/decoder)|recordBatch/, 'KafkaJS: fetch'],
  [/kafkajs\//, 'KafkaJS: connection'],
  [/node_modules\/zod\//, 'zod'],
  [/node_modules\/express\//, 'Express'],
  [/node_modules\/(winston|logform)|utils\/(trail|logger)/, 'logs'],
  [/service-[ab]\/dist\/(.*)\.js$/, ''],
  [/^node:(_http|internal\/http|net$|internal\/stream_base)/, 'HTTP and sockets of Node'],
];

const areaOf = ({ functionName, url }: Frame): string | undefined => {
  if (functionName === '(garbage collector)') return 'garbage collector';
  for (const [pattern, area] of AREAS) {
    const match = pattern.exec(url);
    if (match !== null) return area === '' ? match[1] : area;
  }
  return undefined;
};

/** The profile that Node wrote when the process `pid` ended. */
const profileOf = (dir: string, pid: number): Profile => {
  const file = readdirSync(dir).find((name) => name.split('.')[3] === String(pid));
  if (file === undefined) throw new Error(`process ${pid} left no profile in ${dir}`);
  return JSON.parse(readFileSync(resolve(dir, file), 'utf8')) as Profile;
};

/**
 * Where a service's CPU time goes: each sample of a profile counts for the innermost frame that belongs to an area, so that what Node
 * and V8 do on behalf of some code is part of that code.
 * @returns microseconds per order by area, from the largest; `cpuUsPerOrder` is what the profile's busy time stands for
 */
export const budgetOf = (
  { dir, pid, cpuUsPerOrder }: { dir: string; pid: number; cpuUsPerOrder: number },
): [area: string, us: number][] => {
  const { nodes, samples, timeDeltas } = profileOf(dir, pid);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parentOf = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const areaOfNode = (id: number | undefined): string => {
    if (id === undefined) return 'the rest: event loop, start';
    return areaOf(byId.get(id)!.callFrame) ?? areaOfNode(parentOf.get(id));
  };
  const micros = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, i) => {
    if (byId.get(id)!.callFrame.functionName === '(idle)') return;
    const area = areaOfNode(id);
    micros.set(area, (micros.get(area) ?? 0) + timeDeltas[i]!);
    busy += timeDeltas[i]!;
  });
  return [...micros].map(([area, us]): [string, number] => [area, (us / busy) * cpuUsPerOrder]).sort(([, x], [, y]) => y - x);
};
