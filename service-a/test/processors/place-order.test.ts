import { BrokerUnavailableError, createPlaceOrder, NotAppendedError, OrderConflictError, QueueFullError } from '../../src/processors/place-order';
import { createProjection } from '../../src/processors/projection';
import { canonicalText } from '../../src/kafka/messages';
import { anOrder, created, failed, orderIdOf, paid, type OrderCreated } from '../support/builders';
import { deferred, type Deferred } from '../support/fakes';

/** The use case over a publisher that acknowledges when told to. */
const aCounter = ({ timeoutMs = 1_000, unconfirmedMax = 100, unconfirmedMaxBytes = 1_000_000 } = {}) => {
  const events: OrderCreated[] = [];
  const acks: Deferred<void>[] = [];
  const projection = createProjection({ max: 100 });
  const publish = (_orderId: string, event: string): Promise<void> => {
    const ack = deferred();
    events.push(JSON.parse(event) as OrderCreated);
    acks.push(ack);
    return ack.promise;
  };
  const placeOrder = createPlaceOrder({ projection, publish, timeoutMs, unconfirmedMax, unconfirmedMaxBytes });
  const placed = async (order = anOrder()) => {
    const answer = placeOrder(order);
    acks.at(-1)?.resolve();
    return answer;
  };
  return { events, acks, projection, placeOrder, placed };
};

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

  test('When the broker acknowledged, then the order can be read at once, with the time of the event', async () => {
    const { placed, projection, events } = aCounter();
    await placed();
    expect(projection.get(anOrder().orderId)?.order).toMatchObject({ createdAt: events[0]!.timestamp });
  });

  test('When the broker has not acknowledged yet, then the order cannot be read', async () => {
    const { placeOrder, projection, acks } = aCounter();
    const answer = placeOrder(anOrder());
    expect(projection.get(anOrder().orderId)).toBeUndefined();
    acks[0]!.resolve();
    await answer;
  });

  test.each([
    ['pending', [created()]],
    ['completed', [created(), paid()]],
    ['failed', [created(), failed()]],
  ] as const)('When it is posted again while %s, then that is the answer and no event is published', async (status, facts) => {
    const { placeOrder, projection, events } = aCounter();
    facts.forEach((fact) => projection.apply(fact));
    await expect(placeOrder(anOrder())).resolves.toBe(status);
    expect(events).toHaveLength(0);
  });

  test('When it is posted again while the first is in flight, then both are answered from one event', async () => {
    const { placeOrder, acks, events } = aCounter();
    const answers = [placeOrder(anOrder()), placeOrder(anOrder())];
    acks[0]!.resolve();
    await expect(Promise.all(answers)).resolves.toEqual(['pending', 'pending']);
    expect(events).toHaveLength(1);
  });

  test('When only a payment of it is known, then it is published', async () => {
    const { placed, projection, events } = aCounter();
    projection.apply(paid());
    await placed();
    expect(events).toHaveLength(1);
  });
});

describe('an order is refused', () => {
  test('When its id stands for another order, then it is a conflict', async () => {
    const { placeOrder, projection, events } = aCounter();
    projection.apply(created());
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toHaveLength(0);
  });

  test('When its id stands for another order in flight, then it is a conflict, and the first goes on', async () => {
    const { placeOrder, acks } = aCounter();
    const first = placeOrder(anOrder());
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    acks[0]!.resolve();
    await expect(first).resolves.toBe('pending');
  });

  test('When it certainly is not on the broker, then the error is passed on and nothing is left to collide with', async () => {
    const { placeOrder, placed, acks, projection, events } = aCounter();
    const first = placeOrder(anOrder());
    acks[0]!.reject(new NotAppendedError('expired'));
    await expect(first).rejects.toThrow(NotAppendedError);
    expect(projection.size()).toBe(0);
    await expect(placed(other)).resolves.toBe('pending');
    expect(events.map(({ data }) => data.amount)).toEqual([99.99, 1]);
  });
});

describe('12.12 an order is perhaps on the broker', () => {
  const unknown = new BrokerUnavailableError('no answer');

  /** A counter at which the example order was posted, and nobody knows what became of it. */
  const afterNoAnswer = async (limits = {}) => {
    const counter = aCounter(limits);
    const answer = counter.placeOrder(anOrder());
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
    const { placed, events, projection } = await afterNoAnswer();
    await expect(placed()).resolves.toBe('pending');
    expect(events).toHaveLength(2);
    expect(events[1]).toEqual(events[0]);
    expect(projection.get(anOrder().orderId)?.order?.createdAt).toBe(events[0]!.timestamp);
  });

  test('When the second try certainly failed, then the first one still takes the id', async () => {
    const { placeOrder, acks, events } = await afterNoAnswer();
    for (const error of [new NotAppendedError('expired'), new QueueFullError('full')]) {
      const again = placeOrder(anOrder());
      acks.at(-1)!.reject(error);
      await expect(again).rejects.toBe(error);
      await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    }
    expect(events).toHaveLength(3);
  });

  test('When its time is over while it waits, then its id is taken until it turns out that it was not sent', async () => {
    const { placeOrder, placed, acks } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    acks[0]!.reject(new NotAppendedError('expired'));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(placed(other)).resolves.toBe('pending');
  });

  test('When the log shows it, then it is accepted, and another is a conflict', async () => {
    const { placeOrder, projection, events } = await afterNoAnswer();
    projection.apply(created());
    await expect(placeOrder(anOrder())).resolves.toBe('pending');
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toHaveLength(1);
  });

  test('When the log shows another order under its id, then that one stands', async () => {
    const { placeOrder, projection } = await afterNoAnswer();
    projection.apply(created(undefined, { order: canonicalText(other) }));
    await expect(placeOrder(other)).resolves.toBe('pending');
    await expect(placeOrder(anOrder())).rejects.toThrow(OrderConflictError);
  });

  test('When the log shows it while it is on its way, then whatever the broker answers it is accepted', async () => {
    const { placeOrder, projection, acks } = aCounter();
    const answer = placeOrder(anOrder());
    projection.apply(created());
    acks[0]!.reject(unknown);
    await expect(answer).resolves.toBe('pending');
  });

  test('When the log shows another order under its id while it is on its way, then it is a conflict', async () => {
    const { placeOrder, projection, acks } = aCounter();
    const answer = placeOrder(anOrder());
    projection.apply(created(undefined, { order: canonicalText(other) }));
    acks[0]!.resolve();
    await expect(answer).rejects.toThrow(OrderConflictError);
  });

  test.each([
    ['orders', { unconfirmedMax: 1 }],
    ['bytes', { unconfirmedMaxBytes: 100 }],
  ])('12.14 When as many %s are unconfirmed as may be, then new ones are refused, known ids are not, and the oldest is sent again', async (_what, limits) => {
    const { placeOrder, placed, acks, events, projection } = await afterNoAnswer(limits);
    const another = anOrder({ orderId: orderIdOf(1) });
    await expect(placeOrder(another)).rejects.toThrow(QueueFullError);
    await expect(placeOrder(other)).rejects.toThrow(OrderConflictError);
    expect(events).toEqual([events[0], events[0]]);
    acks[1]!.reject(unknown);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(placeOrder(another)).rejects.toThrow(QueueFullError);
    acks[2]!.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(projection.get(anOrder().orderId)).toBeDefined();
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
    const { placeOrder, acks, projection } = aCounter({ timeoutMs: 10 });
    await expect(placeOrder(anOrder())).rejects.toThrow(BrokerUnavailableError);
    acks[0]!.resolve();
    await acks[0]!.promise;
    expect(projection.get(anOrder().orderId)).toBeDefined();
  });

  test('When the log told of the payment before it came, then the answer is the current status', async () => {
    const { placeOrder, acks, projection } = aCounter();
    const answers = [placeOrder(anOrder()), placeOrder(anOrder())];
    projection.apply(created());
    projection.apply(paid());
    acks[0]!.resolve();
    await expect(Promise.all(answers)).resolves.toEqual(['completed', 'completed']);
  });
});
