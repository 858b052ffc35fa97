import type { Program } from '../../common/cli.js';
import { LOG_LEVELS } from '../../common/log.js';

/** The command line of mandos-ctl(8). */
export const PROGRAM: Program = {
  name: 'mandos-ctl',
  summary: 'Shows and changes the clients of the Mandos server.',
  usage: [
    '[--verbose | --dump-json] [--debug] [CLIENT...]',
    'OPTION... [--debug] {--all | CLIENT...}',
    '--remove [--deny] [--debug] {--all | CLIENT...}',
    '--is-enabled [--debug] CLIENT',
    '--watch [--dump-json] [CLIENT...]',
    '{--add=FILE | --export [--all | CLIENT...] | --reload | --log-level=LEVEL | --check} [--debug]',
  ],
  options: [
    { name: 'all', short: 'a', help: 'Do it to all clients' },
    { name: 'verbose', short: 'v', help: 'Show all settings of the clients' },
    {
      name: 'dump-json',
      short: 'j',
      help: 'Show the clients, or with --watch the events, as JSON',
    },
    { name: 'enable', short: 'e', help: 'Enable the clients' },
    { name: 'disable', short: 'd', help: 'Disable the clients' },
    {
      name: 'bump-timeout',
      short: 'b',
      help: 'Start the timeout again, as if a checker had succeeded',
    },
    { name: 'start-checker', help: 'Start a checker now' },
    { name: 'stop-checker', help: 'Stop a running checker' },
    {
      name: 'is-enabled',
      short: 'V',
      help: 'Exit with status 0 if the client is enabled, else with 1',
    },
    { name: 'remove', short: 'r', help: 'Remove the clients from the server' },
    { name: 'checker', short: 'c', argument: 'COMMAND', help: 'Set the checker' },
    { name: 'timeout', short: 't', argument: 'TIME', help: 'Set the timeout' },
    { name: 'extended-timeout', argument: 'TIME', help: 'Set the extended timeout' },
    { name: 'interval', short: 'i', argument: 'TIME', help: 'Set the interval of checks' },
    { name: 'approve-by-default', help: 'Approve requests that nobody answers' },
    { name: 'deny-by-default', help: 'Deny requests that nobody answers' },
    { name: 'approval-delay', argument: 'TIME', help: 'Set how long requests wait for an answer' },
    { name: 'approval-duration', argument: 'TIME', help: 'Set how long an answer counts' },
    { name: 'host', short: 'H', argument: 'STRING', help: 'Set the host that the checker asks' },
    {
      name: 'secret',
      short: 's',
      argument: 'FILE',
      help: 'Set the encrypted password from a file; - is standard input',
    },
    { name: 'approve', short: 'A', help: 'Approve the requests that wait' },
    { name: 'deny', short: 'D', help: 'Deny the requests that wait' },
    { name: 'watch', help: 'Show what happens, until interrupted' },
    {
      name: 'add',
      argument: 'FILE',
      help: 'Add the clients of a file like clients.conf; - is standard input',
    },
    {
      name: 'export',
      help: 'Show clients as sections of clients.conf, without their secrets; by default those that were added',
    },
    { name: 'reload', help: 'Have the server read its configuration again' },
    {
      name: 'log-level',
      argument: 'LEVEL',
      help: `Set what the server logs: ${LOG_LEVELS.join(', ')}`,
    },
    { name: 'debug', help: 'Show the D-Bus calls' },
    { name: 'check', help: 'Check that the server can be talked to' },
    { name: 'help', short: 'h', help: 'Show this help and exit' },
    { name: 'usage', help: 'Show the command line in short and exit' },
    { name: 'version', help: 'Show the version and exit' },
  ],
  notes: 'TIME is an RFC 3339 duration such as PT5M or P1DT12H, or a list such as "1d 12h".',
};

/** Commands that stand alone but for the options given here. */
export const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  watch: ['dump-json', 'debug'],
  add: ['debug'],
  export: ['all', 'debug'],
  reload: ['debug'],
  'log-level': ['debug'],
  check: ['debug'],
};

/** Options of which only one can be given. */
export const EXCLUSIVE: readonly (readonly [string, string])[] = [
  ['enable', 'disable'],
  ['start-checker', 'stop-checker'],
  ['approve-by-default', 'deny-by-default'],
  ['approve', 'deny'],
];
