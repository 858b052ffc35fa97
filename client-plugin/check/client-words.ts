import { parseCommandLine } from '../../common/cli.js';
import { clientOptions, PROGRAM } from '../options.js';
import type { ClientOptions } from '../options.js';

/** What plugin-runner.conf tells mandos-client, as words of a command line (plugin-runner(8mandos)). */
export function clientWords(configuration: string): string[] {
  const words = configuration
    .split('\n')
    .flatMap(line => line.replace(/#.*/, '').split(/\s+/))
    .filter(word => word !== '');
  const lists: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const [, name = '', attached] = /^(--options-for|--global-options|-o|-g)=?([^]*)$/.exec(word) ?? [];
    if (name === '') continue;
    const value = attached === undefined || attached === '' ? (words[++i] ?? '') : attached;
    if (name === '--global-options' || name === '-g') lists.push(value);
    else if (value.startsWith('mandos-client:')) lists.push(value.slice('mandos-client:'.length));
  }
  return lists.flatMap(list => list.split(',')).filter(word => word !== '');
}

/**
 * The options that mandos-client has at boot.
 * @throws UsageError: it would not start with them
 */
export function bootOptions(configuration: string): ClientOptions {
  const commandLine = parseCommandLine(PROGRAM, clientWords(configuration));
  return clientOptions(commandLine.kind === 'run' ? commandLine.values : new Map());
}

/** Which interfaces the client uses at boot, by name; all when the configuration does not say, or is at fault. */
export function chooseByName(configuration: string): (name: string) => boolean {
  try {
    const { names } = bootOptions(configuration).interfaces;
    return name => names.length === 0 || names.includes(name);
  } catch {
    return () => true;
  }
}
