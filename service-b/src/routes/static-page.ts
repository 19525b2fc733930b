import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { Router } from 'express';
import helmet from 'helmet';
import { methodNotAllowed } from './problem';

export type PageFile = { path: string; type: string; body: Buffer };

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Reads what the build left in `folder`: index.html is served at `/`, the rest below the folder's name. Throws when there is none. */
export const readPage = (folder: string): PageFile[] => readdirSync(folder)
  .filter((name) => extname(name) in types)
  .map((name) => ({
    path: name === 'index.html' ? '/' : `/${basename(folder)}/${name}`, type: types[extname(name)]!, body: readFileSync(join(folder, name)),
  }));

/** The page may load its own files and call its own server, and nothing else; no text can become script. */
const security = helmet({
  xFrameOptions: { action: 'deny' },
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ["'none'"],
    },
  },
});

/** A page and its few files, from memory. A browser asks each time whether they are still the same. */
export const pageRoutes = (files: readonly PageFile[]): Router => {
  const router = Router();
  for (const { path, type, body } of files) {
    const headers = { 'Content-Type': type, 'Cache-Control': 'no-cache', 'ETag': `"${createHash('sha256').update(body).digest('base64url')}"` };
    router.route(path)
      // Express answers 304 by itself, by the ETag.
      .get(security, (_req, res) => void res.set(headers).send(body))
      .all(methodNotAllowed('GET, HEAD'));
  }
  return router;
};
