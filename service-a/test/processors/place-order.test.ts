import { BrokerUnavailableError, createPlaceOrder, OrderConflictError } from '../../src/processors/place-order';
import { createProjection } from '../../src/processors/projection';
import { anOrder, created, failed, paid, type OrderCreated } from '../support/builders';
import { deferred, type Deferred } from '../support/fakes';

/** The use case over a publisher that acknowledges when told to. */
const aCounter = ({ timeoutMs = 1_000 } = {}) => {
  const events: OrderCreated[] = [];
  const acks: Deferred<void>[] = [];
  const projection = createProjection({ max: 100 });
  const publish = (_orderId: string, event: string): Promise<void> => {
    const ack = deferred();
    events.push(JSON.parse(event) as OrderCreated);
    acks.push(ack);
    return ack.promise;
  };
  const placeOrder = createPlaceOrder({ projection, publish, timeoutMs });
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

  test('When publishing fails, then the error is passed on and nothing is left to collide with', async () => {
    const { placeOrder, placed, acks, projection, events } = aCounter();
    const first = placeOrder(anOrder());
    acks[0]!.reject(new BrokerUnavailableError('down'));
    await expect(first).rejects.toThrow(BrokerUnavailableError);
    expect(projection.size()).toBe(0);
    await expect(placed(other)).resolves.toBe('pending');
    expect(events.map(({ data }) => data.amount)).toEqual([99.99, 1]);
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
