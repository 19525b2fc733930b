import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from '../utils/connection';
import { Problem } from './problem';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** The values of a header field that is a list, in small letters. */
const listOf = (header: string | undefined): string[] =>
  (header ?? '').split(',').map((value) => value.trim().toLowerCase()).filter((value) => value !== '');

const checkHeaders = ({ headers }: IncomingMessage, limitBytes: number): void => {
  const type = headers['content-type'] ?? '';
  if (!JSON_TYPE.test(type)) throw new Problem(415, 'Send the body as application/json.');
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8') throw new Problem(415, 'The charset is not supported: send UTF-8.');
  if (listOf(headers['content-encoding']).some((coding) => coding !== 'identity')) throw new Problem(415, 'The content encoding is not supported.');
  if (listOf(headers['transfer-encoding']).some((coding) => coding !== 'chunked')) throw new Problem(501, 'Of all transfer codings this service knows chunked alone.');
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
};

/** What is still to come of the body is not read. */
const tooLarge = (): Problem => new Problem(413, 'The body is larger than this service accepts.', { headers: { Connection: 'close' } });

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
 * Reads a request's body as JSON: UTF-8, not compressed, at most `limitBytes`. A client that waits to hear whether to send it (`Expect`) is
 * told so once its headers are found right.
 * @throws Problem 400 no JSON or cut off, 413 too large, 415 of another type, 501 sent in another way
 */
export const readJsonBody = async (req: IncomingMessage, res: ServerResponse, limitBytes: number): Promise<unknown> => {
  if (!hasBody(req)) throw new Problem(400, 'The body is empty.');
  checkHeaders(req, limitBytes);
  if (req.headers.expect !== undefined && req.httpVersionMinor === 1) res.writeContinue();
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
