import { setTimeout as sleep } from 'node:timers/promises';
import { avroTypeOf, encodeAvro, schemaIdsOf, SchemaNeededError, UndecodableError } from '../../src/kafka/avro';
import { createRegistryClient } from '../../src/kafka/registry-client';
import { createOwnReader, createSchemaCache, type SchemaReader } from '../../src/kafka/schema-cache';
import { createOwnSchema } from '../../src/kafka/own-schema';
import { eventually, recordingLogger } from '../support/fakes';
import { aRegistry, type TestRegistry, type Trouble } from '../support/registry';

const schema = { type: 'record', name: 'Event', fields: [{ name: 'text', type: 'string' }] };
const type = avroTypeOf(schema);
const valueOf = (id: number, text = 'an EVENT'): Buffer => encodeAvro(type, id, { text });
const ever = new AbortController().signal;

let registry: TestRegistry;
const stops: (() => void)[] = [];

beforeEach(async () => {
  registry = await aRegistry();
});

afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await registry.close();
});

const clientOf = () => createRegistryClient({ url: registry.url, caFile: undefined, credentials: undefined });

const aCache = () => {
  const { logger, lines } = recordingLogger();
  const cache = createSchemaCache({ subject: 'events-value', type, registry: clientOf(), logger });
  stops.push(cache.stop);
  return { cache, lines };
};

/** Decodes as a reader of the topic does: waits for the schema, as long as it takes. */
const decoded = async (cache: SchemaReader, value: Buffer, signal = ever): Promise<unknown> => {
  for (;;) {
    try {
      return cache.decode(value);
    } catch (error) {
      if (!(error instanceof SchemaNeededError)) throw error;
      await error.load(signal);
    }
  }
};

describe('schemas of a subject', () => {
  test('When an id is met for the first time, then its schema is asked for, and never again', async () => {
    const id = registry.register('events-value', schema);
    const { cache } = aCache();
    await expect(decoded(cache, valueOf(id))).resolves.toMatchObject({ text: 'an EVENT' });
    await registry.goAway();
    expect(cache.decode(valueOf(id))).toMatchObject({ text: 'an EVENT' });
    expect(registry.requests).toEqual(['GET /subjects/events-value/versions?deleted=true', 'GET /subjects/events-value/versions/1?deleted=true']);
  });

  test('When ids of records to come are named beside the one that is needed, then one list tells of all of them', async () => {
    registry.register('events-value', schema);
    const { cache } = aCache();
    const toCome = [9_001, 9_002, 9_003].map((id) => valueOf(id));
    const needed = (() => {
      try {
        return cache.decode(toCome[0]!);
      } catch (error) {
        return error;
      }
    })() as SchemaNeededError;
    await needed.load(ever, schemaIdsOf(toCome.map((value) => ({ value }))));
    for (const value of toCome) expect(() => cache.decode(value)).toThrow(UndecodableError);
    expect(registry.requests).toHaveLength(2);
  });

  test('When the clock is set back after a list, then the next one is not put off', async () => {
    const { cache } = aCache();
    await expect(decoded(cache, valueOf(9_001))).rejects.toThrow(UndecodableError);
    const id = registry.register('events-value', schema);
    const now = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    await expect(decoded(cache, valueOf(id), AbortSignal.timeout(3_000))).resolves.toMatchObject({ text: 'an EVENT' });
    clock.mockRestore();
  });

  test('When it starts, then it learns what there is, before a record needs it', async () => {
    const id = registry.register('events-value', schema);
    const { cache, lines } = aCache();
    cache.start();
    await eventually(() => lines.some(({ message }) => message === 'schema learned'));
    expect(cache.decode(valueOf(id))).toMatchObject({ text: 'an EVENT' });
  });

  test('When the subject does not have an id, or does not exist, then a record with it is none', async () => {
    const { cache } = aCache();
    await expect(decoded(cache, valueOf(7))).rejects.toThrow(new UndecodableError('schema id 7 is not one of events-value'));
    registry.register('events-value', schema);
    await expect(decoded(cache, valueOf(8))).rejects.toThrow(UndecodableError);
  });

  test('When a thousand records have ids out of nowhere, then they cost a handful of requests', async () => {
    registry.register('events-value', schema);
    const { cache } = aCache();
    const ids = Array.from({ length: 1_000 }, (_, i) => 1_000 + i);
    const outcomes = await Promise.all(ids.map((id) => decoded(cache, valueOf(id)).catch((error: unknown) => error)));
    expect(outcomes.every((outcome) => outcome instanceof UndecodableError)).toBe(true);
    expect(() => cache.decode(valueOf(1_000))).toThrow(UndecodableError);
    expect(registry.requests.length).toBeLessThanOrEqual(4);
  });

  test('When an id is registered while a list is under way, then the record that has it is read, not refused', async () => {
    registry.register('events-value', schema);
    const { cache } = aCache();
    const first = decoded(cache, valueOf(99)).catch(() => undefined);
    await eventually(() => registry.requests.length === 1);
    const id = registry.register('events-value', schema);
    await expect(decoded(cache, valueOf(id))).resolves.toMatchObject({ text: 'an EVENT' });
    await first;
  });

  test('When a version cannot be used, then its records alone are none', async () => {
    const [bad, other, good] = [registry.register('events-value', '{'), registry.register('events-value', schema, { schemaType: 'JSON' }), registry.register('events-value', schema)];
    const { cache, lines } = aCache();
    await expect(decoded(cache, valueOf(bad))).rejects.toThrow(`schema id ${bad} cannot be read as events-value`);
    expect(() => cache.decode(valueOf(other))).toThrow(UndecodableError);
    expect(cache.decode(valueOf(good))).toMatchObject({ text: 'an EVENT' });
    expect(lines.filter(({ message }) => message.startsWith('schema cannot be used'))).toHaveLength(2);
  });
});

describe('the registry is away', () => {
  const troubles: [string, Trouble | undefined][] = [
    ['does not listen', undefined], ['answers 500', { status: 500 }], ['answers 401', { status: 401 }], ['answers 404 as any server', { status: 404 }],
    ['answers what is no JSON', { body: '<html>' }], ['answers what is no list', { body: '{}' }], ['answers without end', { body: `"${'x'.repeat(2_000_000)}"` }],
    ['redirects', { status: 302 }],
  ];

  test.each(troubles)('When it %s, then who needs a schema waits, and goes on when it is back', async (_what, trouble) => {
    const id = registry.register('events-value', schema);
    const { cache, lines } = aCache();
    if (trouble === undefined) await registry.goAway();
    else registry.answerWith(trouble);
    expect(cache.readable()).toBe(true);
    const waiting = decoded(cache, valueOf(id));
    await eventually(() => !cache.readable());
    registry.answerWith(undefined);
    if (trouble === undefined) await registry.comeBack();
    await expect(waiting).resolves.toMatchObject({ text: 'an EVENT' });
    expect(cache.readable()).toBe(true);
    expect(lines.map(({ message }) => message)).toEqual(expect.arrayContaining(['the schema registry cannot be asked, trying again', 'the schema registry answers again']));
  });

  test('When it says nothing, then each try ends after three seconds', async () => {
    registry.answerWith('silent');
    const startedAt = Date.now();
    await expect(clientOf().versionsOf('events-value', ever)).rejects.toThrow('GET /subjects/events-value/versions');
    expect(Date.now() - startedAt).toBeLessThan(4_000);
  });

  test('When nobody waits any more, then it is not asked any more, and all is well', async () => {
    const { cache } = aCache();
    cache.start();
    await eventually(() => registry.requests.length === 1);
    await sleep(50);
    await registry.goAway();
    const gone = new AbortController();
    const waiting = decoded(cache, valueOf(7), gone.signal);
    await eventually(() => !cache.readable(), 3_000);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(cache.readable()).toBe(true);
  });
});

describe('the schema to write with', () => {
  const anOwn = () => {
    const { logger, lines } = recordingLogger();
    const own = createOwnSchema({ subject: 'events-value', schema, registry: clientOf(), logger });
    stops.push(own.stop);
    own.start();
    return { own, lines };
  };

  test('When it is not registered yet, then it is asked for until it is, and stays known', async () => {
    const { own, lines } = anOwn();
    await eventually(() => lines.some(({ message }) => message === 'schema is not registered, asking again'));
    expect(own.id()).toBeUndefined();
    registry.skipTo(42);
    registry.register('events-value', schema);
    await expect(own.known(ever)).resolves.toBe(42);
    await registry.goAway();
    expect(own.id()).toBe(42);
    expect(registry.requests.every((request) => request.startsWith('POST /subjects/events-value'))).toBe(true);
    expect(registry.requests.some((request) => request.includes('/versions'))).toBe(false);
  });

  test('When the registry is away at first, then it is known soon after', async () => {
    registry.register('events-value', schema);
    registry.answerWith({ status: 503 });
    const { own, lines } = anOwn();
    await eventually(() => lines.some(({ message }) => message === 'the schema registry cannot be asked, trying again'));
    registry.answerWith(undefined);
    await expect(own.known(ever)).resolves.toBe(1);
  });
});

describe('without a registry', () => {
  const reader = () => createOwnReader({ subject: 'events-value', type, eventType: 'EVENT' });

  test('When a value fits the schema that is compiled in, then it is read, whatever its id', () => {
    expect(reader().decode(valueOf(12_345))).toMatchObject({ text: 'an EVENT' });
  });

  test('When it fits not and is no event, then it is none, as ever', () => {
    for (const bytes of [[0], [0, 1, 2, 3, 4], [0, 0, 0, 0, 1, 0x80], [0, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      expect(() => reader().decode(Buffer.from(bytes))).toThrow(UndecodableError);
    }
  });

  test('When it fits not and yet is an event, then it waits for a start with a registry', async () => {
    const one = reader();
    const gone = new AbortController();
    const waiting = decoded(one, Buffer.concat([valueOf(1), Buffer.from([2])]), gone.signal);
    await eventually(() => !one.readable());
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(one.readable()).toBe(true);
  });
});
