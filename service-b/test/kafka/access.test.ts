import RequestQueue from 'kafkajs/src/network/requestQueue';
import { brokerAt } from '../../src/kafka/access';

test('When a broker is asked for rights before there is a client, then an idle connection arms no timer', () => {
  brokerAt('127.0.0.1:9', 'test', { caFile: undefined, credentials: undefined });
  const armed = jest.spyOn(global, 'setTimeout').mockReturnValue(undefined as never);
  RequestQueue.prototype.scheduleCheckPendingRequests.call({ pending: [] });
  expect(armed).not.toHaveBeenCalled();
});
