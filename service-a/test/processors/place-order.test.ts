import { orderCreatedText } from '../../src/kafka/messages';
import type { LogPosition, OrderEvent } from '../../src/processors/facts';
import { canonicalText } from '../../src/processors/order';
import { StoreUnavailableError } from '../../src/processors/order-store';
import { BrokerUnavailableError, createPlaceOrder, NotAppendedError, OrderConflictError, QueueFullError } from '../../src/processors/place-order';
import { createMemoryStore } from '../../src/store/memory';
import { anOrder, created, failed, orderIdOf, paid, type OrderCreated } from '../support/builders';
import { deferred, type Deferred } from '../support/fakes';
import { tellerOf } from '../support/log';

/** The use case over a publisher that acknowledges when told to. */
const aCounter = ({ timeoutMs = 1_000, claimsMax = 100, claimsMaxBytes = 1_000_000 } = {}) => {
  const events: OrderCreated[] = [];
  const acks: Deferred<void>[] = [];
  const store = createMemoryStore({ max: 100, claimsMax, claimsMaxBytes });
  const publish = async (_orderId: string, event: OrderEvent): Promise<LogPosition> => {
    const ack = deferred();
    const offset = String(100 + events.push(JSON.parse(orderCreatedText(event)) as OrderCreated));
    acks.push(ack);
    await ack.promise;
    return { partition: 0, offset };
  };
  const placeOrder = createPlaceOrder({ store, publish, timeoutMs });
  /** Posts an order that is answered at once, or whose event is on its way then. */
  const post = async (order = anOrder()) => {
    const answer = placeOrder(order);
    await settled();
    return { answer };
  };
  const placed = async (order = anOrder()) => {
    const { answer } = await post(order);
    acks.at(-1)?.resolve();
    return answer;
  };
  return { events, acks, store, tell: tellerOf(store), placeOrder, post, placed };
};

/** What is under way goes on until it waits for something outside. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const other = anOrder({ amount: 1 });

describe('an order is accepted', () => {
  test('When it is new, then its event is published and it is pending', async () => {
    const { placed, events } = aCounter();
    await expect(placed()).resolves.toBe('pending');
    expect(events).toEqual([{
      eventType: 'ORDER_CREATED',
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      data: anOrder(),
    }]);
  });

  test('When the broker acknowledged, then the order can be read at once, with the time of the event and its place in the log', async () => {
    const { placed, store, events } = aCounter();
    await placed();
    const position = { partition: 0, offset: '101' };
    expect((await store.get(anOrder().orderId))?.order).toMatchObject({ createdAt: events[0]!.timestamp, position });
  });

  test('When the broker has not acknowledged yet, then the order cannot be read', async () => {
    const { post, store, acks } = aCounter();
    const { answer } = await post();
    expect(await store.get(anOrder().orderId)).toBeUndefined();
    acks[0]!.resolve();
    await answer;
  });

  test.each([
    ['pending', [created()]],
    ['completed', [created(), paid()]],
    ['failed', [created(), failed()]],
  ] as const)('When it is posted again while %s, then that is the answer and no event is published', async (status, facts) => {
    const { placeOrder, tell, events } = aCounter();
    tell(...facts);
    await expect(placeOrder(anOrder())).resolves.toBe(status);
    expect(events).toHaveLength(0);
  });

  test('When it is posted again while the first is in flight, then both are answered from one event', async () => {
    const { post, acks, events } = aCounter();
    const [first, second] = [await post(), await post()];
    acks[0]!.resolve();
    await expect(Promise.all([first.answer, second.answer])).resolves.toEqual(['pending', 'pending']);
    expect(events).toHaveLength(1);
  });

  test('When only a payment of it is known, then it is published', async () => {
    const { placed, tell, events } = aCounter();
    tell(paid());
    await placed();
    expect(events).toHaveLength(1);
  });
});

describe('an order is refused', () => {
  test('When its id stands for another order, then it is a conflict', async () => {
    const { placeOrder, tell, events } = aCounter();
    tell(created());
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toHaveLength(0);
  });

  test('When its id stands for another order in flight, then it is a conflict, and the first goes on', async () => {
    const { post, placeOrder, acks } = aCounter();
    const { answer } = await post();
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    acks[0]!.resolve();
    await expect(answer).resolves.toBe('pending');
  });

  test('When it certainly is not on the broker, then the error is passed on and nothing is left to collide with', async () => {
    const { post, placed, acks, store, events } = aCounter();
    const { answer } = await post();
    acks[0]!.reject(new NotAppendedError('expired'));
    await expect(answer).rejects.toThrow(NotAppendedError);
    expect(await store.get(anOrder().orderId)).toBeUndefined();
    await expect(placed(other)).resolves.toBe('pending');
    expect(events.map(({ data }) => data.amount)).toEqual([99.99, 1]);
  });
});

describe('12.12 an order is perhaps on the broker', () => {
  const unknown = new BrokerUnavailableError('no answer');

  /** A counter at which the example order was posted, and nobody knows what became of it. */
  const afterNoAnswer = async (limits = {}) => {
    const counter = aCounter(limits);
    const { answer } = await counter.post();
    counter.acks[0]!.reject(unknown);
    await expect(answer).rejects.toThrow(BrokerUnavailableError);
    return counter;
  };

  test('When another order is posted under its id, then it is a conflict, again and again, and nothing is published', async () => {
    const { placeOrder, events } = await afterNoAnswer();
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toHaveLength(1);
  });

  test('When the same is posted again, then the same event is published again, and it is accepted', async () => {
    const { placed, events, store } = await afterNoAnswer();
    await expect(placed()).resolves.toBe('pending');
    expect(events).toHaveLength(2);
    expect(events[1]).toEqual(events[0]);
    expect((await store.get(anOrder().orderId))?.order?.createdAt).toBe(events[0]!.timestamp);
  });

  test('When the second try certainly failed, then the first one still takes the id', async () => {
    const { post, placeOrder, acks, events } = await afterNoAnswer();
    for (const error of [new NotAppendedError('expired'), new QueueFullError('full')]) {
      const { answer } = await post();
      acks.at(-1)!.reject(error);
      await expect(answer).rejects.toBe(error);
      await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    }
    expect(events).toHaveLength(3);
  });

  test('When its time is over while it waits, then its id is taken until it turns out that it was not sent', async () => {
    const { placeOrder, placed, acks } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    acks[0]!.reject(new NotAppendedError('expired'));
    await settled();
    await expect(placed(other)).resolves.toBe('pending');
  });

  test('When the log shows it, then it is accepted, and another is a conflict', async () => {
    const { placeOrder, tell, events } = await afterNoAnswer();
    tell(created());
    await expect(placeOrder(anOrder())).resolves.toBe('pending');
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toHaveLength(1);
  });

  test('When the log shows another order under its id, then that one stands', async () => {
    const { placeOrder, tell } = await afterNoAnswer();
    tell(created(undefined, { order: canonicalText(other) }));
    await expect(placeOrder(other)).resolves.toBe('pending');
    await expect(placeOrder(anOrder())).rejects.toThrow(OrderConflictError);
  });

  test.each([unknown, new NotAppendedError('expired')])('When the log shows it while it is on its way, then whatever the broker answers it is accepted', async (error) => {
    const { post, tell, acks } = aCounter();
    const { answer } = await post();
    tell(created());
    acks[0]!.reject(error);
    await expect(answer).resolves.toBe('pending');
  });

  test('When its time is over and the log showed it meanwhile, then it is accepted', async () => {
    const { post, tell } = aCounter({ timeoutMs: 10 });
    const { answer } = await post();
    tell(created(), paid());
    await expect(answer).resolves.toBe('completed');
  });

  test('When the log shows another order under its id while it is on its way, then it is a conflict', async () => {
    const { post, tell, acks } = aCounter();
    const { answer } = await post();
    tell(created(undefined, { order: canonicalText(other) }));
    acks[0]!.resolve();
    await expect(answer).rejects.toThrow(OrderConflictError);
  });

  test.each([
    ['orders', { claimsMax: 1 }],
    ['bytes', { claimsMaxBytes: 100 }],
  ])('12.14 When as many %s are unconfirmed as may be, then new ones are refused, known ids are not, and the oldest is sent again', async (_what, limits) => {
    const { placeOrder, placed, acks, events, store } = await afterNoAnswer(limits);
    const another = anOrder({ orderId: orderIdOf(1) });
    await expect(placeOrder(another)).rejects.toThrow(QueueFullError);
    await expect(placeOrder(another)).rejects.toThrow(QueueFullError);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toEqual([events[0], events[0]]);
    acks[1]!.reject(unknown);
    await settled();
    await expect(placeOrder(another)).rejects.toThrow(QueueFullError);
    await settled();
    acks[2]!.resolve();
    await settled();
    expect(await store.get(anOrder().orderId)).toBeDefined();
    await expect(placed(another)).resolves.toBe('pending');
  });
});

describe('an acknowledgement takes too long', () => {
  test('When it is not there in time, then the broker is unavailable', async () => {
    const { placeOrder } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
  });

  test('When the order is posted again, then it joins the first and publishes nothing', async () => {
    const { placeOrder, acks, events } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
    const again = placeOrder(anOrder());
    acks[0]!.resolve();
    await expect(again).resolves.toBe('pending');
    expect(events).toHaveLength(1);
  });

  test('When it comes after all, then the order is known', async () => {
    const { placeOrder, acks, store } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
    acks[0]!.resolve();
    await settled();
    expect(await store.get(anOrder().orderId)).toBeDefined();
  });

  test('When the log told of the payment before it came, then the answer is the current status', async () => {
    const { post, acks, tell } = aCounter();
    const [first, second] = [await post(), await post()];
    tell(created(), paid());
    acks[0]!.resolve();
    await expect(Promise.all([first.answer, second.answer])).resolves.toEqual(['completed', 'completed']);
  });
});

describe('the store cannot be asked', () => {
  const away = new StoreUnavailableError('away');

  test('When an id cannot be claimed, then nothing is published, and the order can be posted again', async () => {
    const { store, placeOrder, placed, events } = aCounter();
    jest.spyOn(store, 'claim').mockRejectedValueOnce(away);
    await expect(placeOrder(anOrder())).rejects.toBe(away);
    expect(events).toHaveLength(0);
    await expect(placed()).resolves.toBe('pending');
  });

  test('When the order cannot be shown after its acknowledgement, then its id is taken for the same event', async () => {
    const { store, placed, events, placeOrder } = aCounter();
    jest.spyOn(store, 'acknowledge').mockRejectedValueOnce(away);
    await expect(placed()).rejects.toBe(away);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    await expect(placed()).resolves.toBe('pending');
    expect(events).toEqual([events[0], events[0]]);
  });
});
