import { readFileSync } from 'node:fs';

/** Users that the server may run as, the first that there is; the first is made when mandos is installed. */
export const SERVICE_USERS = ['_mandos', 'mandos', 'nobody'] as const;

export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The first of SERVICE_USERS that is no name for root, with the group of the same name, or else with its own.
 * @param passwd text of passwd(5)
 * @param group text of group(5)
 */
export function findServiceUser(passwd: string, group: string): ServiceUser | undefined {
  for (const name of SERVICE_USERS) {
    const [, , uid, ownGid] = entry(passwd, name);
    const [, , gid = ownGid] = entry(group, name);
    if (isUnprivileged(uid) && isUnprivileged(gid)) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** As findServiceUser, of the machine's files. Users of other sources (LDAP) are not looked for. */
export function systemServiceUser(): ServiceUser | undefined {
  return findServiceUser(readText('/etc/passwd'), readText('/etc/group'));
}

/**
 * Whether root can become this user. In a user namespace of its own that has root only (user_namespaces(7)), it cannot,
 * and is no root to the machine either.
 * @param uidMap text of /proc/self/uid_map
 */
export function isMapped({ uid }: ServiceUser, uidMap: string = readText('/proc/self/uid_map')): boolean {
  return uidMap.split('\n').some(line => {
    const [first = NaN, , count = NaN] = line.trim().split(/\s+/).map(Number);
    return uid >= first && uid < first + count;
  });
}

function entry(file: string, name: string): string[] {
  const line = file.split('\n').find(text => text.startsWith(`${name}:`));
  return line?.split(':') ?? [];
}

function isUnprivileged(id: string | undefined): boolean {
  return id !== undefined && /^\d{1,10}$/.test(id) && Number(id) !== 0;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
