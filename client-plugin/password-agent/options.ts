import type { OptionValues, Program } from '../../common/cli.js';
import { lastValue, UsageError } from '../../common/cli.js';
import { HELPER_DIRECTORY } from '../plugin-runner/options.js';
import { NOBODY } from '../privileges.js';
import { HELP_OPTIONS } from '../standard-options.js';
import { parseId } from '../user-id.js';

const AGENT_DIRECTORY = '/run/systemd/ask-password';
const MANDOS_CLIENT = '/lib/mandos/plugins.d/mandos-client';

/** The command line of password-agent(8mandos). */
export const PROGRAM: Program = {
  name: 'password-agent',
  summary: "Gets this machine's password from a Mandos server, and answers systemd's questions with it.",
  usage: ['[OPTION]... [--] [MANDOS_CLIENT [OPTION]...]', '--test'],
  options: [
    {
      name: 'agent-directory',
      short: 'd',
      argument: 'DIRECTORY',
      help: `Directory of the questions. Default: ${AGENT_DIRECTORY}`,
    },
    {
      name: 'helper-directory',
      argument: 'DIRECTORY',
      help: `Directory of the helpers, told to MANDOS_CLIENT. Default: ${HELPER_DIRECTORY}`,
    },
    {
      name: 'user',
      short: 'u',
      argument: 'USERID',
      help: `User to run MANDOS_CLIENT as. Default: ${NOBODY}`,
    },
    { name: 'group', short: 'g', argument: 'GROUPID', help: `Group to run it as. Default: ${NOBODY}` },
    { name: 'test', help: 'Only test the program itself' },
    ...HELP_OPTIONS,
  ],
  notes: `MANDOS_CLIENT is ${MANDOS_CLIENT} without another word. Exit status: 0 when
nobody asks any more, 1 when nobody has asked or there could never be a password, 64 for
a wrong command line.
`,
};

export interface AgentOptions {
  readonly agentDirectory: string;
  readonly helperDirectory: string;
  readonly userId: number;
  readonly groupId: number;
  /** The program that gets the password. */
  readonly client: string;
  readonly clientArgs: readonly string[];
}

/** @throws UsageError naming the option */
export function agentOptions(values: OptionValues, operands: readonly string[]): AgentOptions {
  const [client = MANDOS_CLIENT, ...clientArgs] = operands;
  return {
    agentDirectory: lastValue(values, 'agent-directory') ?? AGENT_DIRECTORY,
    helperDirectory: lastValue(values, 'helper-directory') ?? HELPER_DIRECTORY,
    userId: id(values, 'user'),
    groupId: id(values, 'group'),
    client,
    clientArgs,
  };
}

function id(values: OptionValues, name: string): number {
  const text = lastValue(values, name) ?? String(NOBODY);
  const number = parseId(text);
  if (number !== undefined) return number;
  throw new UsageError(`--${name}: "${text}" is not the number of a ${name} (try --${name}=${NOBODY})`);
}
