import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { startProxy } from '../drill/proxy';
import { freePort } from '../lib/ports';

/** A server that sends back what it gets, behind a proxy. */
const anEcho = async () => {
  const open: Socket[] = [];
  const server = createServer((socket) => open.push(socket.pipe(socket))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listenPort = await freePort();
  const proxy = await startProxy({ listenPort, targetPort: (server.address() as AddressInfo).port });
  const client = (): Socket => {
    const socket = connect(listenPort, '127.0.0.1');
    open.push(socket);
    return socket;
  };
  const close = (): void => {
    proxy.close();
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { proxy, client, close };
};

const answerOf = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

describe('a line that is cut', () => {
  it('When it is cut, then nobody is answered, and when it is healed, then everybody is', async () => {
    const { proxy, client, close } = await anEcho();
    const before = client();
    before.write('one');
    expect(await answerOf(before)).toBe('one');

    proxy.setCut(true);
    const during = client();
    const answers: string[] = [];
    for (const socket of [before, during]) socket.on('data', (data) => answers.push(String(data)));
    before.write('two');
    during.write('three');
    // A line of its own that is not cut tells when an answer would have come.
    const beside = await anEcho();
    const whole = beside.client();
    whole.write('here');
    await answerOf(whole);
    expect(answers).toEqual([]);

    const both = Promise.all([answerOf(before), answerOf(during)]);
    proxy.setCut(false);
    expect(await both).toEqual(['two', 'three']);
    close();
    beside.close();
  });
});
