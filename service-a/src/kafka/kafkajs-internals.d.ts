declare module 'kafkajs/src/network/requestQueue' {
  class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
  export default RequestQueue;
}

declare module 'kafkajs/src/protocol/encoder' {
  class Encoder {
    static nextPowerOfTwo(value: number): number;
    buf: Buffer;
    offset: number;
    get buffer(): Buffer;
    ensureAvailable(bytes: number): void;
    writeString(value: string): this;
    writeBytes(value: Buffer): this;
    writeEncoder(value: Encoder): this;
  }
  export default Encoder;
}
