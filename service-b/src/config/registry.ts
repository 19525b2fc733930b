import { z } from 'zod';
import { certificatesFile, passwordFile } from './files';

/** Credentials have settings of their own, and what is asked for is put behind the path. */
const isAddress = (text: string): boolean => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '' && !/[?#]/.test(text);
};

export const registrySettings = {
  SCHEMA_REGISTRY_URL: z.string()
    .refine(isAddress, 'must be an address such as http://127.0.0.1:8081, perhaps with a path, without credentials or a query').optional(),
  // A colon ends the user in basic authentication.
  SCHEMA_REGISTRY_USERNAME: z.string().regex(/^[^\p{Cc}:]{1,200}$/u, 'must have 1 to 200 characters, without colons, line breaks and the like').optional(),
  SCHEMA_REGISTRY_PASSWORD_FILE: passwordFile.optional(),
  SCHEMA_REGISTRY_CA_FILE: certificatesFile.optional(),
};

type RegistrySettings = z.output<z.ZodObject<typeof registrySettings>>;

/** Where the schema registry is and how to come in; undefined without one. */
export const registryOf = (env: RegistrySettings) => {
  const { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: caFile } = env;
  const { SCHEMA_REGISTRY_USERNAME: username, SCHEMA_REGISTRY_PASSWORD_FILE: passwordFile } = env;
  if (url === undefined) return undefined;
  return { url, caFile, credentials: username === undefined || passwordFile === undefined ? undefined : { username, passwordFile } };
};

/** What one setting says and another does not go with. */
export const faultsOfRegistry = (given: Record<string, string>): string[] => {
  const url = given.SCHEMA_REGISTRY_URL;
  if (url === undefined) {
    return Object.keys(registrySettings).filter((setting) => setting in given).map((setting) => `SCHEMA_REGISTRY_URL: must be set too, as ${setting} is`);
  }
  return 'SCHEMA_REGISTRY_CA_FILE' in given && !/^https:/i.test(url) ? ['SCHEMA_REGISTRY_CA_FILE: is for an https address alone'] : [];
};
