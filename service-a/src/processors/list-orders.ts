import { instantOf } from '../utils/timestamp';
import type { OrderStore, Place } from './order-store';
import { statusOf, type OrderStatus } from './projection';
import { viewOf } from './view';

/** What a request for a page may cost: orders looked at (some milliseconds), and characters of those, give or take one order. */
const LOOKED_AT_MAX = 5_000;
const CHARACTERS_MAX = 1_000_000;

export type Query = {
  status?: OrderStatus | undefined;
  userId?: string | undefined;
  limit: number;
  /** Where the page before this one ended. */
  after?: Place | undefined;
};

/** Views of orders, as JSON texts; `next` is where the next page begins, absent at the end. */
export type Page = { orders: string[]; next?: Place };

/** Where `userId` begins in every canonical text: behind `{"orderId":"…",`. */
const USER_ID_AT = '{"orderId":"",'.length + 36;

/**
 * A page of the orders, newest first. It ends at `limit` orders or when it has cost enough, so it may be short, even empty, before the end.
 * Orders placed meanwhile come before the first page and shift none.
 */
export const listOrders = async (
  store: Pick<OrderStore, 'newestFirst'>, { status, userId, limit, after }: Query,
): Promise<Page> => {
  // Canonical texts are written by JSON.stringify, so equal names have equal texts.
  const user = userId === undefined ? '' : `"userId":${JSON.stringify(userId)},`;
  // A slice is several times quicker than startsWith.
  const isOfUser = (text: string): boolean => text.slice(USER_ID_AT, USER_ID_AT + user.length) === user;
  const orders: string[] = [];
  let last = { id: '', createdAt: '' };
  let lookedAt = 0;
  let characters = 0;
  for await (const part of store.newestFirst(after)) {
    for (const { orderId, entry } of part) {
      if (orders.length === limit || lookedAt === LOOKED_AT_MAX || characters > CHARACTERS_MAX) {
        return { orders, next: { time: instantOf(last.createdAt), id: last.id } };
      }
      const { text, createdAt } = entry.order!;
      last = { id: orderId, createdAt };
      lookedAt += 1;
      const isAskedFor = (status === undefined || statusOf(entry) === status) && isOfUser(text);
      const view = isAskedFor ? viewOf(entry) : undefined;
      characters += (view ?? text).length;
      if (view !== undefined) orders.push(view);
    }
  }
  return { orders };
};
