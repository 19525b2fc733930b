import Cluster from 'kafkajs/src/cluster';
import { tellEndOfLog, toEndOfLog } from '../../src/kafka/kafkajs-ends-patch';

test('When an end is asked for as the end of the log, then it is told so on that connection alone, and a level that was chosen stays', async () => {
  const { fetchTopicsOffset } = Cluster.prototype;
  Cluster.prototype.fetchTopicsOffset = async function told() {
    return this.isolationLevel;
  };
  tellEndOfLog();
  const aCluster = (fields: object = {}): Cluster => Object.assign(Object.create(Cluster.prototype) as Cluster, fields);
  const ends = async (cluster: Cluster): Promise<unknown> => {
    await new Promise(setImmediate);
    return cluster.fetchTopicsOffset([]);
  };
  const [lag, other, reader] = [aCluster(), aCluster(), aCluster({ isolationLevel: 1 })];
  const told = await Promise.all([toEndOfLog(() => ends(lag)), ends(other), toEndOfLog(() => ends(reader))]);
  Cluster.prototype.fetchTopicsOffset = fetchTopicsOffset;
  expect(told).toEqual([0, undefined, 1]);
});
