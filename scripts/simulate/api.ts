import { each, NO_THROTTLE, type Answer, type Of } from './asked';
import type { createGroupsApi } from './groups-api';
import type { createTopicsApi } from './topics-api';
import { everyVersion, type Request } from './wire';

type Handler = (nodeId: number, fields: unknown, answer: Answer) => void;

/** An answer that says no to all that was asked. */
const refuse = ({ api, fields }: Request, errorCode: number): object => {
  const { topicData, topics = topicData ?? [] } = fields as { topicData?: Of<object>; topics?: Of<object> };
  const all = each(topics, () => ({ errorCode, messages: [], baseOffset: '-1', offset: '-1' }));
  if (api === 'Produce') return { ...NO_THROTTLE, topics: all };
  if (['Fetch', 'ListOffsets', 'OffsetFetch', 'OffsetCommit'].includes(api)) return { ...NO_THROTTLE, errorCode: 0, responses: all };
  return { ...NO_THROTTLE, errorCode, members: [], memberId: '', memberAssignment: Buffer.alloc(0) };
};

/** Answers a request as the broker that was asked does, or with `refusal`, a code. */
export type Serve = (nodeId: number, request: Request, refusal: number | undefined, answer: Answer) => void;

export const createApi = ({ topics, groups }: {
  topics: ReturnType<typeof createTopicsApi>;
  groups: ReturnType<typeof createGroupsApi>['handlers'];
}): Serve => {
  const handlers = new Map<string, Handler>(Object.entries({ ...topics, ...groups }) as [string, Handler][]);
  return (nodeId, request, refusal, answer) => {
    const { api, fields } = request;
    const handle = handlers.get(api);
    if (api === 'ApiVersions') answer({ ...NO_THROTTLE, errorCode: 0, apiVersions: everyVersion });
    else if (handle === undefined) throw new Error(`the cluster in memory knows no ${api}`);
    else if (refusal !== undefined) answer(refuse(request, refusal));
    else handle(nodeId, fields, answer);
  };
};
