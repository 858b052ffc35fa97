import type { ConfigFiles } from './files.js';

/**
 * Expands `$NAME`, `${NAME}` and then a leading `~` or `~user`, as secfile allows (mandos-clients.conf(5)). What does
 * not exist stays as it is, so that the fault about the missing file shows it.
 */
export function expandPath(path: string, system: Pick<ConfigFiles, 'environment' | 'homeOf'>): string {
  const expanded = path.replace(
    /\$(?:(\w+)|\{([^}]*)\})/g,
    (all, name?: string, braced?: string) => system.environment(name ?? braced ?? '') ?? all,
  );
  const [tilde, user = ''] = /^~([^/]*)/.exec(expanded) ?? [];
  if (tilde === undefined) return expanded;
  const home = system.homeOf(user);
  return home === undefined ? expanded : home.replace(/\/+$/, '') + expanded.slice(tilde.length) || '/';
}
