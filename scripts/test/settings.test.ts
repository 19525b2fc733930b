import { toProperty } from '../lib/kafka-node';
import { parseTopics } from '../lib/topics';

describe('settings of the broker', () => {
  test('When a variable follows the naming of the cp-kafka image, then it becomes the property the image makes of it', () => {
    expect(toProperty('KAFKA_AUTO_CREATE_TOPICS_ENABLE')).toBe('auto.create.topics.enable');
    expect(toProperty('KAFKA_A__B___C_D')).toBe('a_b-c.d');
  });

  test('When topics are listed with comments and configs, then each line is a topic with its configs', () => {
    expect(parseTopics('# a comment\n\norders  3  retention.ms=1 x=a=b\npayments 1\n')).toEqual([
      { topic: 'orders', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '1' }, { name: 'x', value: 'a=b' }] },
      { topic: 'payments', numPartitions: 1, configEntries: [] },
    ]);
  });
});
