import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { headerOf } from '../drill/invariants';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

type Attribute = { key: string; value: { stringValue?: string; intValue?: number } };
/** Parts of OTLP's JSON. */
type Span = {
  traceId: string; spanId: string; parentSpanId?: string; name: string; kind: number; attributes: Attribute[]; links?: { spanId: string }[];
};
type Export = { resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[] };

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const paid = '550e8400-e29b-41d4-a716-446655440000';
const declined = '550e8400-e29b-41d4-a716-446655440002';
const paidToo = '550e8400-e29b-41d4-a716-446655440003';
const clientSpan = '00f067aa0ba902b7';
const traceOfPaid = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceOfDeclined = 'aaaaaaaabbbbbbbbccccccccdddddddd';

describe('traces of the pair', () => {
  let receiver: Server;
  let stage: Stage;
  const received: (Span & { service: string })[] = [];

  const valueOf = (attributes: Attribute[], name: string): string | number | undefined => {
    const value = attributes.find(({ key }) => key === name)?.value;
    return value?.stringValue ?? value?.intValue;
  };

  const take = ({ resourceSpans }: Export): void => {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = String(valueOf(resource.attributes, 'service.name'));
      received.push(...scopeSpans.flatMap(({ spans }) => spans).map((span) => ({ ...span, service })));
    }
  };

  const place = async (orderId: string, traceId?: string): Promise<void> => {
    const body = JSON.stringify({ orderId, userId: 'user-1', amount: 9.5, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 9.5 }] });
    const trace = traceId !== undefined && { traceparent: `00-${traceId}-${clientSpan}-01`, tracestate: 'vendor=value' };
    const headers = { 'content-type': 'application/json', ...trace };
    expect((await fetch(`${stage.a.url}/orders`, { method: 'POST', headers, body })).status).toBe(202);
    await fetch(`${stage.a.url}/orders/${orderId}`, { headers: { Prefer: 'wait=10' } });
  };

  /** The spans of a trace, each as `service kind name <- its parent`, once there are so many. */
  const tree = async (traceId: string, spans: number): Promise<string[]> => {
    const ofTrace = () => received.filter((span) => span.traceId === traceId);
    await waitFor(`${spans} spans of ${traceId}`, () => ofTrace().length >= spans);
    const label = ({ service, kind, name }: Span & { service: string }): string => `${service} ${KINDS[kind]} ${name}`;
    return ofTrace()
      .map((span) => {
        const parent = ofTrace().find(({ spanId }) => spanId === span.parentSpanId);
        return `${label(span)} <- ${parent === undefined ? span.parentSpanId : label(parent)}`;
      })
      .sort();
  };

  beforeAll(async () => {
    receiver = createServer((req, res) => {
      let text = '';
      req.on('data', (chunk: Buffer) => void (text += chunk.toString()));
      req.on('end', () => {
        if (req.url === '/v1/traces') take(JSON.parse(text) as Export);
        res.setHeader('Content-Type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    stage = await createStage({
      name: 'tracing', brokers: process.env['KAFKA_BROKERS']!, random: createRandom(7), perSecond: 0,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_BSP_SCHEDULE_DELAY: '100' },
    });
    await stage.untilReady();
  });
  afterAll(async () => {
    await stage.close();
    receiver.closeAllConnections();
    receiver.close();
  });

  test('When an order is paid, then its spans are one trace across both services, each below what it follows from', async () => {
    const { orders, payments } = stage.topics;
    await place(paid, traceOfPaid);
    expect(await tree(traceOfPaid, 5)).toEqual([
      `service-a consumer process ${payments} <- service-b producer send ${payments}`,
      `service-a producer send ${orders} <- service-a server POST /orders`,
      `service-a server POST /orders <- ${clientSpan}`,
      `service-b consumer process ${orders} <- service-a producer send ${orders}`,
      `service-b producer send ${payments} <- service-b consumer process ${orders}`,
    ]);
  });

  test('When its records are read by another client, then they carry the trace, and so do the log lines of both services', async () => {
    const { a, b, reach, topics } = stage;
    for (const topic of [topics.orders, topics.payments]) {
      const record = (await readTopic(reach, topic)).find(({ key }) => key?.toString() === paid)!;
      const sent = received.find(({ traceId, name }) => traceId === traceOfPaid && name === `send ${topic}`)!;
      expect(headerOf(record, 'traceparent')).toBe(`00-${traceOfPaid}-${sent.spanId}-01`);
      expect(headerOf(record, 'tracestate')).toBe('vendor=value');
      expect(sent.attributes).toEqual(expect.arrayContaining([
        { key: 'messaging.system.name', value: { stringValue: 'kafka' } },
        { key: 'messaging.destination.name', value: { stringValue: topic } },
        { key: 'messaging.destination.partition.id', value: { stringValue: String(record.partition) } },
        { key: 'kafka.offset', value: { intValue: record.offset } },
        { key: 'kafka.message.key', value: { stringValue: paid } },
      ]));
    }
    const messages = ({ lines }: { lines: string[] }): string[] => lines
      .map((line) => JSON.parse(line) as { message: string; traceId?: string })
      .filter(({ traceId }) => traceId === traceOfPaid)
      .map(({ message }) => message);
    expect(messages(a)).toEqual(['order published', 'order updated']);
    expect(messages(b)).toEqual(['order consumed', 'payment published']);
  });

  test('When an order comes without a trace, then one begins with its request', async () => {
    const { orders, payments } = stage.topics;
    await place(paidToo);
    const begun = () => received.find(({ name, parentSpanId }) => name === 'POST /orders' && parentSpanId === undefined);
    await waitFor('the span of the request', () => begun() !== undefined);
    expect(await tree(begun()!.traceId, 5)).toEqual([
      `service-a consumer process ${payments} <- service-b producer send ${payments}`,
      `service-a producer send ${orders} <- service-a server POST /orders`,
      'service-a server POST /orders <- undefined',
      `service-b consumer process ${orders} <- service-a producer send ${orders}`,
      `service-b producer send ${payments} <- service-b consumer process ${orders}`,
    ]);
  });

  test('When a dead letter is put back, then that goes on in the trace of the first try and is linked to its end', async () => {
    const { orders, deadLetters } = stage.topics;
    await place(declined, traceOfDeclined);
    await tree(traceOfDeclined, 5);
    const first = received.find(({ traceId, name }) => traceId === traceOfDeclined && name === `send ${deadLetters}`)!;
    const { code } = await stage.dlt(['redrive', '--order', declined, '--yes']).ended;
    expect(code).toBe(0);
    const again = () => received.filter(({ traceId, name }) => traceId === traceOfDeclined && name === `process ${orders}`);
    await waitFor('the second try', () => again().length === 2);
    expect(again()[1]).toMatchObject({ parentSpanId: first.spanId, links: [{ spanId: first.spanId }] });
    expect(valueOf(first.attributes, 'dead_letter.error_type')).toBe('PaymentDeclinedError');
  });

  test('When service-a starts anew, then what it reads again makes no spans', async () => {
    await stage.a.stop();
    const before = received.length;
    stage.a.start();
    await stage.untilReady();
    await place(paid, traceOfDeclined);
    await waitFor('the span of the request', () => received.length > before);
    expect(received.slice(before).map(({ name }) => name)).toEqual(['POST /orders']);
  });
});
