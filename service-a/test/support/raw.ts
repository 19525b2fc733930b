import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { eventually } from './fakes';

const opened: { server?: Server; socket?: Socket }[] = [];

/** Begins to listen on a free port. */
export const listening = async (server: Server): Promise<number> => {
  opened.push({ server });
  if (!server.listening) await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

export type Raw = Awaited<ReturnType<typeof rawClient>>;

/** A connection on which a test says what it likes, and that keeps what comes. */
export const rawClient = async (port: number) => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  opened.push({ socket });
  const seen = { text: '', ended: false, closed: false, error: undefined as NodeJS.ErrnoException | undefined };
  socket.on('data', (data) => void (seen.text += data.toString('latin1')));
  socket.once('end', () => void (seen.ended = true));
  socket.once('close', () => void (seen.closed = true));
  socket.on('error', (error) => void (seen.error = error));
  await new Promise((resolve, reject) => void socket.once('connect', resolve).once('error', reject));
  return {
    socket,
    seen,
    send: (...texts: string[]): void => void socket.write(texts.join('')),
    /** Resolves with all that came, once it holds `text`. */
    until: async (text: string): Promise<string> => {
      await eventually(() => seen.text.includes(text));
      return seen.text;
    },
    /** Resolves with all that came when the other side has said its last; fails when it was a reset. */
    end: async (ms?: number): Promise<string> => {
      await eventually(() => seen.ended || seen.closed, ms);
      if (seen.error !== undefined) throw seen.error;
      socket.end();
      return seen.text;
    },
  };
};

/** What each answer in a text says: its status and its header fields in small letters, and its body. */
export const answersIn = (text: string): { status: number; headers: Record<string, string>; body: string }[] => {
  const answers: { status: number; headers: Record<string, string>; body: string }[] = [];
  for (let at = 0; at < text.length;) {
    const begin = text.indexOf('\r\n\r\n', at) + 4;
    const [line = '', ...fields] = text.slice(at, begin - 4).split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(line) ?? [];
    if (begin === 3 || status === undefined) throw new Error(`no answer: ${text.slice(at, at + 200)}`);
    const headers = Object.fromEntries(fields.map((field) => {
      const [name = '', ...value] = field.split(':');
      return [name.toLowerCase(), value.join(':').trim()];
    }));
    at = begin + Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(status), headers, body: text.slice(begin, at) });
  }
  return answers;
};

/** Closes what is still open. */
export const closeAll = (): void => {
  for (const { server, socket } of opened.splice(0)) {
    socket?.destroy();
    server?.closeAllConnections();
    server?.close();
  }
};
