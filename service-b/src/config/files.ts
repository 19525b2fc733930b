import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
};

/** A file that can be read now and holds what it should. Whoever uses it reads it anew; what is in it is never said. */
const file = (what: string, holds: (text: string) => boolean) => z.string().superRefine((path, context) => {
  const refuse = (message: string): void => context.addIssue({ code: 'custom', message: `${path} ${message}` });
  try {
    if (!holds(readFileSync(path, 'utf8'))) refuse(`holds no ${what}`);
  } catch (error) {
    refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
});

export const certificatesFile = file('certificates in PEM, or something besides that cannot be read', (text) => {
  const certificates = text.match(CERTIFICATE) ?? [];
  return certificates.length > 0 && certificates.every(isCertificate);
});

export const passwordFile = file('password', (text) => text.trim() !== '');
