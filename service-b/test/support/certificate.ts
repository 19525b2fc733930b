import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes a key and a certificate that is its own CA, for an address such as `IP:127.0.0.1`. Needs openssl. */
export const aCertificate = (folder: string, address: string) => {
  const [keyFile, certFile] = [join(folder, `${address}.key`), join(folder, `${address}.pem`)];
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=test',
    '-addext', `subjectAltName=${address}`, '-keyout', keyFile, '-out', certFile,
  ], { stdio: 'pipe' });
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
};
