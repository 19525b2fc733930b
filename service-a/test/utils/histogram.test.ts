import { createHistogram } from '../../src/utils/histogram';

const aHistogram = () => createHistogram<'path' | 'status'>({ name: 'request_seconds', help: 'How long.', bounds: [0.1, 1] });

describe('histogram', () => {
  test('When values are observed, then each bucket counts what is not above its bound', () => {
    const histogram = aHistogram();
    const observe = histogram.of({ path: '/a', status: '200' });
    for (const value of [0.05, 0.1, 0.5, 7]) observe(value);
    expect(histogram.text()).toBe([
      '# HELP request_seconds How long.',
      '# TYPE request_seconds histogram',
      'request_seconds_bucket{le="0.1",path="/a",status="200"} 2',
      'request_seconds_bucket{le="1",path="/a",status="200"} 3',
      'request_seconds_bucket{le="+Inf",path="/a",status="200"} 4',
      'request_seconds_sum{path="/a",status="200"} 7.65',
      'request_seconds_count{path="/a",status="200"} 4',
      '',
    ].join('\n'));
  });

  test('When there are other labels, then they are counted on their own, and what Prometheus reads as syntax is escaped', () => {
    const histogram = aHistogram();
    histogram.of({ path: '/a', status: '200' })(1);
    histogram.of({ path: '"\\\n', status: '404' })(2);
    expect(histogram.text()).toContain('request_seconds_sum{path="/a",status="200"} 1\n');
    expect(histogram.text()).toContain('request_seconds_sum{path="\\"\\\\\\n",status="404"} 2\n');
  });
});
