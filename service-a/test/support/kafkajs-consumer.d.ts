declare module 'kafkajs/src/admin' {
  import type { Admin } from 'kafkajs';
  const createAdmin: (options: object) => Admin;
  export default createAdmin;
}

declare module 'kafkajs/src/consumer' {
  import type { Consumer } from 'kafkajs';
  const createConsumer: (options: object) => Consumer;
  export default createConsumer;
}

declare module 'kafkajs/src/loggers' {
  export const LEVELS: { NOTHING: number };
  export const createLogger: (options: { level: number; logCreator: () => () => void }) => object;
}
