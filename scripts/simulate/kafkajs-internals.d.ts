declare module 'kafkajs/src/protocol/requests' {
  type Exchange = {
    request: { apiName: string; encode: () => Promise<unknown> };
    response: { decode: (payload: Buffer) => Promise<unknown>; parse: (data: unknown) => Promise<unknown> };
  };
  type Definition = { versions: string[]; protocol: (which: { version: number }) => (fields: unknown) => Exchange };
  export const requests: Record<string, Definition>;
}

declare module 'kafkajs/src/protocol/requests/apiKeys' {
  const apiKeys: Record<string, number>;
  export default apiKeys;
}
