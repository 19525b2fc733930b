import type { Random } from '../drill/random';
import type { Clock } from './clock';
import { newMember, NOTHING, refuseJoin, refuseSync, sameProtocols, type JoinAnswer, type Member, type Protocol, type SyncAnswer } from './member';
import { CODE } from './partition';

type State = 'empty' | 'preparing' | 'completing' | 'stable';

export type Group = ReturnType<typeof createGroup>;

/** A consumer group as its coordinator keeps it: who is in it, which generation it is in, and what was committed. */
export const createGroup = ({ groupId, clock, random, trace }: {
  groupId: string;
  clock: Clock;
  random: Random;
  trace: (what: string) => void;
}) => {
  const members = new Map<string, Member>();
  /** Ids given out to members that have not joined with them yet. */
  const given = new Set<string>();
  const offsets = new Map<string, string>();
  let state: State = 'empty';
  let generation = 0;
  let leaderId = '';
  let deadline: { cancel: () => void } | undefined;
  /** How often a member joined anew of itself, and how often another broker became the coordinator, which is the one good reason for it. */
  let returns = 0;
  let handOvers = 0;
  /** What would be found by the next coordinator: the last generation that got its assignment. */
  let stored = { generation: 0, leaderId: '', members: new Map<string, Member>() };

  const become = (next: State): void => {
    state = next;
    trace(`group ${groupId} is ${next}, generation ${generation}, ${members.size} members`);
  };

  const store = (): void => {
    stored = { generation, leaderId, members: new Map(members) };
  };

  const extendSession = (member: Member): void => {
    member.session?.cancel();
    member.session = clock.after(member.sessionMs, () => {
      if (member.joining !== undefined || members.get(member.id) !== member) return;
      trace(`group ${groupId}: the session of ${member.id} is over`);
      remove(member);
    });
  };

  const answerJoin = (member: Member): void => {
    const groupProtocol = member.protocols[0]!.name;
    const all = member.id === leaderId ? [...members.values()] : [];
    member.joining?.({
      errorCode: CODE.NONE, generationId: generation, groupProtocol, leaderId, memberId: member.id,
      members: all.map(({ id, protocols }) => ({ memberId: id, groupInstanceId: null, memberMetadata: protocols[0]!.metadata })),
    });
    member.joining = undefined;
    extendSession(member);
  };

  const complete = (): void => {
    deadline?.cancel();
    deadline = undefined;
    for (const member of members.values()) {
      if (member.joining !== undefined) continue;
      member.session?.cancel();
      members.delete(member.id);
    }
    generation += 1;
    if (members.size === 0) {
      become('empty');
      store();
      return;
    }
    if (!members.has(leaderId)) leaderId = members.keys().next().value!;
    become('completing');
    for (const member of members.values()) answerJoin(member);
  };

  const completeIfAll = (): void => {
    if (state === 'preparing' && [...members.values()].every(({ joining }) => joining !== undefined)) complete();
  };

  const prepare = (): void => {
    if (state === 'preparing') return void completeIfAll();
    for (const member of members.values()) {
      member.syncing?.(refuseSync(CODE.REBALANCE_IN_PROGRESS));
      member.syncing = undefined;
    }
    become('preparing');
    const patience = Math.max(...[...members.values()].map(({ rebalanceMs }) => rebalanceMs), 1);
    deadline = clock.after(patience, complete);
    completeIfAll();
  };

  const remove = (member: Member): void => {
    member.session?.cancel();
    member.joining?.(refuseJoin(CODE.UNKNOWN_MEMBER_ID, ''));
    members.delete(member.id);
    prepare();
  };

  const check = (memberId: string, generationId: number): number => {
    if (!members.has(memberId)) return CODE.UNKNOWN_MEMBER_ID;
    return generationId === generation ? CODE.NONE : CODE.ILLEGAL_GENERATION;
  };

  return {
    offsets,
    join: ({ memberId, sessionTimeout, rebalanceTimeout, groupProtocols }: {
      memberId: string; sessionTimeout: number; rebalanceTimeout: number; groupProtocols: Protocol[];
    }, answer: (answer: JoinAnswer) => void): void => {
      if (memberId === '') {
        const id = `${groupId}-${random.integer(2 ** 31).toString(36)}`;
        given.add(id);
        answer(refuseJoin(CODE.MEMBER_ID_REQUIRED, id));
        return;
      }
      const known = members.get(memberId);
      if (known === undefined && !given.delete(memberId)) {
        answer(refuseJoin(CODE.UNKNOWN_MEMBER_ID, ''));
        return;
      }
      const member = known ?? newMember(memberId);
      const unchanged = known !== undefined && sameProtocols(known.protocols, groupProtocols);
      Object.assign(member, { protocols: groupProtocols, sessionMs: sessionTimeout, rebalanceMs: rebalanceTimeout });
      members.set(memberId, member);
      member.joining?.(refuseJoin(CODE.UNKNOWN_MEMBER_ID, ''));
      member.joining = answer;
      // A member that missed the answer gets it again; only the leader's return, or news in what a member can do, starts a rebalance.
      if (unchanged && (state === 'completing' || (state === 'stable' && memberId !== leaderId))) {
        answerJoin(member);
        return;
      }
      if (known !== undefined && state === 'stable') returns += 1;
      prepare();
    },
    sync: ({ memberId, generationId, groupAssignment }: {
      memberId: string; generationId: number; groupAssignment: { memberId: string; memberAssignment: Buffer }[];
    }, answer: (answer: SyncAnswer) => void): void => {
      const code = state === 'preparing' ? CODE.REBALANCE_IN_PROGRESS : CODE.NONE;
      const refusal = check(memberId, generationId) || code;
      if (refusal !== CODE.NONE) {
        answer(refuseSync(refusal));
        return;
      }
      const member = members.get(memberId)!;
      extendSession(member);
      if (state === 'stable') return void answer({ errorCode: CODE.NONE, memberAssignment: member.assignment });
      member.syncing = answer;
      if (memberId !== leaderId) return;
      for (const one of members.values()) {
        one.assignment = groupAssignment.find((given) => given.memberId === one.id)?.memberAssignment ?? NOTHING;
        one.syncing?.({ errorCode: CODE.NONE, memberAssignment: one.assignment });
        one.syncing = undefined;
      }
      become('stable');
      store();
    },
    heartbeat: ({ memberId, groupGenerationId }: { memberId: string; groupGenerationId: number }): number => {
      const code = check(memberId, groupGenerationId);
      if (code !== CODE.NONE) return code;
      extendSession(members.get(memberId)!);
      return state === 'preparing' ? CODE.REBALANCE_IN_PROGRESS : CODE.NONE;
    },
    leave: (memberId: string): number => {
      const member = members.get(memberId);
      if (member === undefined) return CODE.UNKNOWN_MEMBER_ID;
      trace(`group ${groupId}: ${memberId} leaves`);
      remove(member);
      return CODE.NONE;
    },
    /** Whether a member may commit now. */
    mayCommit: ({ memberId, groupGenerationId }: { memberId: string; groupGenerationId: number }): number => {
      const code = check(memberId, groupGenerationId);
      if (code !== CODE.NONE) return code;
      if (state === 'completing') return CODE.REBALANCE_IN_PROGRESS;
      extendSession(members.get(memberId)!);
      return CODE.NONE;
    },
    /** Whether its members joined anew more often than there was a reason to. */
    isRestless: (): boolean => returns > handOvers,
    /** As when a member with new wishes comes. */
    rebalance: (): void => {
      if (state === 'stable') prepare();
    },
    /** All of its members count as dead, as when no heartbeat came through. */
    expire: (): void => {
      for (const member of [...members.values()]) remove(member);
    },
    /** Another broker coordinates it from now on: it knows what was stored, and whoever waits for an answer has asked the wrong one. */
    handOver: (): void => {
      handOvers += 1;
      for (const member of members.values()) {
        member.joining?.(refuseJoin(CODE.NOT_COORDINATOR_FOR_GROUP, ''));
        member.syncing?.(refuseSync(CODE.NOT_COORDINATOR_FOR_GROUP));
        Object.assign(member, { joining: undefined, syncing: undefined });
        member.session?.cancel();
      }
      deadline?.cancel();
      deadline = undefined;
      given.clear();
      members.clear();
      for (const [id, member] of stored.members) members.set(id, member);
      ({ generation, leaderId } = stored);
      become(members.size === 0 ? 'empty' : 'stable');
      for (const member of members.values()) extendSession(member);
    },
  };
};
