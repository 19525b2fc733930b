import { murmur2 } from '../../src/utils/murmur2';
import { javaHashes } from '../support/java-hashes';

describe('murmur2', () => {
  test.each(javaHashes)('When %p is hashed, then the result is that of the Java client', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });
});
