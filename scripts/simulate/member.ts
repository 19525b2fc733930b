/** Nothing is assigned. */
export const NOTHING = Buffer.alloc(0);

export type Protocol = { name: string; metadata: Buffer };
export type JoinAnswer = {
  errorCode: number; generationId: number; groupProtocol: string; leaderId: string; memberId: string;
  members: { memberId: string; groupInstanceId: null; memberMetadata: Buffer }[];
};
export type SyncAnswer = { errorCode: number; memberAssignment: Buffer };
/** A member of a group, and the requests of it that wait for an answer. */
export type Member = {
  id: string;
  protocols: Protocol[];
  sessionMs: number;
  rebalanceMs: number;
  assignment: Buffer;
  joining: ((answer: JoinAnswer) => void) | undefined;
  syncing: ((answer: SyncAnswer) => void) | undefined;
  session: { cancel: () => void } | undefined;
};

export const newMember = (id: string): Member =>
  ({ id, protocols: [], sessionMs: 0, rebalanceMs: 0, assignment: NOTHING, joining: undefined, syncing: undefined, session: undefined });

export const refuseJoin = (errorCode: number, memberId: string): JoinAnswer =>
  ({ errorCode, generationId: -1, groupProtocol: '', leaderId: '', memberId, members: [] });
export const refuseSync = (errorCode: number): SyncAnswer => ({ errorCode, memberAssignment: NOTHING });

/** Whether a member can do what it could. */
export const sameProtocols = (one: Protocol[], other: Protocol[]): boolean =>
  one.length === other.length && one.every(({ name, metadata }, i) => name === other[i]!.name && metadata.equals(other[i]!.metadata));
