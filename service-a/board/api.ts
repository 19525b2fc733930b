import { listOf, orNone, request } from './http.ts';
import { isOrder, type Order } from './order.ts';

export type Page = { orders: Order[]; next: string | undefined };

/** A page of the list, the newest first. It may be empty and still have a next one. */
export const fetchPage = async (cursor: string | undefined, signal: AbortSignal): Promise<Page> => {
  const query = new URLSearchParams({ limit: '500', ...(cursor !== undefined && { cursor }) });
  const { orders, next } = await request(`/orders?${query.toString()}`, { signal }) as { orders?: unknown; next?: unknown };
  return { orders: listOf(orders, isOrder), next: typeof next === 'string' ? next : undefined };
};

/** @returns undefined when there is no such order */
export const fetchOrder = async (orderId: string): Promise<Order | undefined> => {
  const order = await orNone(request(`/orders/${encodeURIComponent(orderId)}`));
  return isOrder(order) ? order : undefined;
};

/** @returns the order's status: another one than `pending` if it was known already */
export const postOrder = async (order: object, signal: AbortSignal): Promise<string> => {
  const body = await request('/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(order), signal });
  return String((body as { status?: unknown }).status);
};
