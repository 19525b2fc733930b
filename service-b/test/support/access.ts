import type { FindHolder, Scope } from '../../src/utils/tokens';

const scopes: Record<string, Scope> = { 'reads-0123456789': 'read', 'writes-0123456789': 'write' };
export const [reads, writes] = Object.keys(scopes) as [string, string];

/** Knows a token that may read, and one that may write. */
export const findHolder: FindHolder = (token) => {
  const scope = scopes[token];
  return scope && { name: scope, scope };
};

export const bearer = (token: string): { Authorization: string } => ({ Authorization: `Bearer ${token}` });
export const basic = (password: string, user = 'anybody'): { Authorization: string } =>
  ({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
