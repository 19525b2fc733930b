import { DatabaseError } from 'pg';
import { z } from 'zod';
import { faultOf, StaleReadError, unavailable } from '../../../src/store/postgres/errors';

const answered = (code: string): DatabaseError => Object.assign(new DatabaseError('says the server', 1, 'error'), { code });

describe('faultOf', () => {
  test.each([
    ['57P01', 'lost'], ['57P03', 'lost'], ['08006', 'lost'],
    ['40P01', 'conflict'], ['40001', 'conflict'],
    ['57014', 'unavailable'], ['55P03', 'unavailable'], ['53100', 'unavailable'], ['53300', 'unavailable'], ['25006', 'unavailable'],
    ['28P01', 'unavailable'], ['3D000', 'unavailable'], ['42P01', 'unavailable'],
    ['42601', 'defect'], ['22P02', 'defect'], ['23505', 'defect'],
  ])('When the server answers with %s, then it is %s', (code, fault) => {
    expect(faultOf(answered(code))).toBe(fault);
  });

  test.each([
    ['the connection ended', new Error('Connection terminated unexpectedly'), 'lost'],
    ['nobody listens', Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' }), 'lost'],
    ['the server says nothing', new Error('Query read timeout'), 'unavailable'],
    ['no connection is free', new Error('timeout exceeded when trying to connect'), 'unavailable'],
    ['the process ends', new Error('Cannot use a pool after calling end on the pool'), 'unavailable'],
    ['another was first with a row', new StaleReadError(), 'conflict'],
    ['the code is wrong', new TypeError('undefined is no function'), 'defect'],
    ['a row is not as it should be', z.number().safeParse('x').error, 'defect'],
    ['text is no JSON', new SyntaxError('Unexpected end of JSON input'), 'defect'],
    ['something else was thrown', 'text', 'defect'],
  ])('When %s, then it is told apart', (_what, error, fault) => {
    expect(faultOf(error)).toBe(fault);
  });

  test('When it is told to a client, then no address is in it', () => {
    expect(unavailable(new Error('connect ECONNREFUSED 10.0.0.7:5432')).message).not.toContain('10.0.0.7');
  });
});
