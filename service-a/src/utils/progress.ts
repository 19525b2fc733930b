import type { WriteStream } from 'node:tty';

const TERMINAL_MS = 100;
const PLAIN_MS = 5_000;

/** Says how far something is, not too often: on a terminal in one line that is written anew, else in a line every few seconds. */
export const createProgress = (stream: Pick<WriteStream, 'write'> & { isTTY?: boolean }) => {
  const terminal = stream.isTTY === true;
  let shownAt = Date.now();
  let onLine = false;
  return {
    show: (text: string): void => {
      if (Date.now() - shownAt < (terminal ? TERMINAL_MS : PLAIN_MS)) return;
      shownAt = Date.now();
      onLine = terminal;
      stream.write(terminal ? `\r\u001b[K${text}` : `${text}\n`);
    },
    /** Before anything else is written. */
    clear: (): void => {
      if (onLine) stream.write('\r\u001b[K');
      onLine = false;
    },
  };
};
