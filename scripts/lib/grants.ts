import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes, type AclEntry, type Admin,
} from 'kafkajs';
import { settingLines } from './settings';

/** What a principal may do with what a name, or its beginning with a `*`, stands for. */
export type Grant = { principal: string; operation: string; type: string; name: string };

/** Reads lines of `principal operation,… type name…` with `#` comments, as `kafka/access.sh` does. */
export const parseGrants = (text: string): Grant[] => settingLines(text).flatMap((line) => {
  const [principal = '', operations = '', type = '', ...names] = line.split(/\s+/);
  return operations.split(',').flatMap((operation) => names.map((name) => ({ principal, operation, type, name })));
});

/** What `kafka/acls.conf` lists. */
export const listedGrants = (): Grant[] => parseGrants(readFileSync(resolve(__dirname, '../../kafka/acls.conf'), 'utf8'));

/** The same rights on other topics and groups; what is named after one of them, `group.more`, goes with it. */
export const renameGrants = (grants: Grant[], names: Record<string, string>): Grant[] => {
  const rename = (name: string): string => {
    const from = name in names ? name : Object.keys(names).find((key) => name.startsWith(`${key}.`));
    return from === undefined ? name : `${names[from]}${name.slice(from.length)}`;
  };
  return grants.map((grant) => ({ ...grant, name: rename(grant.name) }));
};

const aclOf = ({ principal, operation, type, name }: Grant): AclEntry => {
  const isPrefix = name.endsWith('*');
  return {
    principal: `User:${principal}`, host: '*', permissionType: AclPermissionTypes.ALLOW,
    operation: AclOperationTypes[operation.replace(/\B[A-Z]/g, '_$&').toUpperCase() as keyof typeof AclOperationTypes],
    resourceType: AclResourceTypes[type.toUpperCase() as keyof typeof AclResourceTypes],
    resourceName: isPrefix ? name.slice(0, -1) : name,
    resourcePatternType: isPrefix ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
  };
};

/** Adds rights to those that there are. `access.sh` starts a JVM for each call; this takes milliseconds. */
export const give = async (admin: Admin, grants: Grant[]): Promise<void> => void await admin.createAcls({ acl: grants.map(aclOf) });

/** Takes rights away. */
export const take = async (admin: Admin, grants: Grant[]): Promise<void> => void await admin.deleteAcls({ filters: grants.map(aclOf) });
