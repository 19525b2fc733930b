import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Problem } from './problem';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

const checkHeaders = ({ headers }: IncomingMessage, limitBytes: number): void => {
  const type = headers['content-type'] ?? '';
  if (!JSON_TYPE.test(type)) throw new Problem(415, 'Send the order as application/json.');
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8') throw new Problem(415, 'The charset is not supported: send UTF-8.');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new Problem(415, 'The content encoding is not supported.');
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
};

const tooLarge = (): Problem => new Problem(413, 'The body is larger than this service accepts.');

const utf8 = new TextDecoder('utf-8', { fatal: true });

const parse = (body: Buffer): unknown => {
  if (!isUtf8(body)) throw new Problem(400, 'The body is not valid UTF-8.');
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    throw new Problem(400, 'The body is not valid JSON.');
  }
};

/**
 * Reads a request's body as JSON: UTF-8, not compressed, at most `limitBytes`.
 * @throws Problem 400 no JSON or cut off, 413 too large, 415 of another type
 */
export const readJsonBody = async (req: IncomingMessage, limitBytes: number): Promise<unknown> => {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  if (!hasBody) throw new Problem(400, 'The body is empty.');
  checkHeaders(req, limitBytes);
  const body = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else reject(tooLarge());
    });
    req.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    req.once('error', () => reject(new Problem(400, 'The body was cut off.')));
  });
  return parse(body);
};
