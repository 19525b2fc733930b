import type { Random } from '../drill/random';
import { each, NO_THROTTLE, type Answer, type Of } from './asked';
import type { createGroupsApi } from './groups-api';
import type { createTopicsApi } from './topics-api';
import { everyVersion, type Request } from './wire';

type Handler = (nodeId: number, fields: unknown, answer: Answer) => void;

/** An answer that says no to all that was asked. */
const refuse = ({ api, fields }: Request, errorCode: number): object => {
  const { topics = [] } = fields as { topics?: Of<object> };
  const all = each(topics, () => ({ errorCode, messages: [], offset: '-1' }));
  if (['Fetch', 'ListOffsets', 'OffsetFetch', 'OffsetCommit'].includes(api)) return { ...NO_THROTTLE, errorCode: 0, responses: all };
  return { ...NO_THROTTLE, errorCode, members: [], memberId: '', memberAssignment: Buffer.alloc(0) };
};

/** Answers a request as the broker that was asked does, or with `refusal`, a code. */
export type Serve = (nodeId: number, request: Request, refusal: number | undefined, answer: Answer) => void;

export const createApi = ({ topics, groups, random }: {
  topics: ReturnType<typeof createTopicsApi>;
  groups: ReturnType<typeof createGroupsApi>['handlers'];
  random: Random;
}): Serve => {
  const handlers = new Map<string, Handler>(Object.entries({ ...topics, ...groups }) as [string, Handler][]);
  /** A broker can refuse one partition of a request and take another. */
  const produceInPart: (...args: [...Parameters<Handler>, number]) => void = (nodeId, fields, answer, errorCode) => {
    const { topicData, ...more } = fields as { topicData: Of<object> };
    const parts = topicData.map(({ topic, partitions }) => {
      const refused = partitions.filter(() => random.next() < 0.6);
      return { topic, refused, taken: partitions.filter((one) => !refused.includes(one)) };
    });
    const taken = parts.map(({ topic, taken: partitions }) => ({ topic, partitions }));
    topics.Produce(nodeId, { ...more, topicData: taken } as never, (what) => {
      const answered = what as { topics: { partitions: object[] }[] };
      answer({
        ...answered, topics: answered.topics.map((one, i) => ({
          ...one, partitions: [...one.partitions, ...parts[i]!.refused.map(({ partition }) => ({ partition, errorCode, baseOffset: '-1' }))],
        })),
      });
    });
  };
  return (nodeId, request, refusal, answer) => {
    const { api, fields } = request;
    const handle = handlers.get(api);
    if (api === 'ApiVersions') answer({ ...NO_THROTTLE, errorCode: 0, apiVersions: everyVersion });
    else if (handle === undefined) throw new Error(`the cluster in memory knows no ${api}`);
    else if (refusal !== undefined && api === 'Produce') produceInPart(nodeId, fields, answer, refusal);
    else if (refusal !== undefined) answer(refuse(request, refusal));
    else handle(nodeId, fields, answer);
  };
};
