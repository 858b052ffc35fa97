import { UsageError } from '../../common/cli.js';
import type { OptionValues } from '../../common/cli.js';

/** What the program does: make keys, print a section for clients.conf, or ask for the password. */
export type Mode = 'generate' | 'secret' | 'test';

const OPTIONS: Readonly<Record<Mode, readonly string[]>> = {
  generate: [
    'dir',
    'type',
    'length',
    'subtype',
    'sublength',
    'name',
    'email',
    'comment',
    'expire',
    'tls-keytype',
    'force',
  ],
  secret: ['dir', 'name', 'password', 'passfile', 'no-ssh'],
  test: ['dir', 'test', 'connect', 'interface'],
};

/** @throws UsageError: two things at once, or where to ask without asking */
export function modeOf(values: OptionValues): Mode {
  const secret = ['password', 'passfile'].find(name => values.has(name));
  if (values.has('test')) {
    if (secret !== undefined)
      throw new UsageError(`--test and --${secret} are two things: run one, then the other`);
    return 'test';
  }
  const where = ['connect', 'interface'].find(name => values.has(name));
  if (where !== undefined)
    throw new UsageError(`--${where} says where --test looks for a server: add --test`);
  return secret === undefined ? 'generate' : 'secret';
}

/** Options of other modes. The original documents that some are ignored, and scripts may have them. */
export function ignoredOptions(values: OptionValues, mode: Mode): string[] {
  return [...values.keys()].filter(name => !OPTIONS[mode].includes(name));
}
