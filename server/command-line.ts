import type { Program } from '../common/cli.js';
import { LOG_LEVELS } from '../common/log.js';
import { SERVER_PRIORITY, SERVICE_NAME } from '../common/protocol.js';

export const DEFAULT_CONFIG_DIRECTORY = '/etc/mandos';
export const DEFAULT_STATE_DIRECTORY = '/var/lib/mandos';

/** The command line of mandos(8). */
export const PROGRAM: Program = {
  name: 'mandos',
  summary:
    'Gives encrypted passwords to clients that prove their identity, so that they can boot unattended.',
  usage: [
    '[OPTION]...',
    '--check [--configdir=DIRECTORY]',
    '--explain=CLIENT [--configdir=DIRECTORY] [--statedir=DIRECTORY]',
    '--import-state=FILE [--configdir=DIRECTORY] [--statedir=DIRECTORY]',
    '--export-state=FILE [--configdir=DIRECTORY] [--statedir=DIRECTORY]',
    '--take-over|--hand-over [--configdir=DIRECTORY] [--statedir=DIRECTORY]',
  ],
  options: [
    {
      name: 'interface',
      short: 'i',
      argument: 'NAME',
      help: 'Announce the service and listen on this network interface only. Default: all',
    },
    {
      name: 'address',
      short: 'a',
      argument: 'ADDRESS',
      help: 'Listen on this address only; IPv4 as ::ffff:192.0.2.3. Default: all',
    },
    {
      name: 'port',
      short: 'p',
      argument: 'PORT',
      help: 'TCP port to listen on. Default: 0, one that the system chooses',
    },
    {
      name: 'check',
      help: 'Check mandos.conf, clients.conf and clients.d, report everything that is wrong, and exit',
    },
    {
      name: 'explain',
      argument: 'CLIENT',
      help:
        'Say of every condition whether it is met for this client to get its password, and exit; ' +
        'CLIENT is its name, or its key ID or fingerprint',
    },
    {
      name: 'import-state',
      argument: 'FILE',
      help:
        "Take over the clients' state from an original server, and exit; " +
        'FILE is its clients.pickle or the output of mandos-ctl --dump-json',
    },
    {
      name: 'export-state',
      argument: 'FILE',
      help: "Write the clients' state to a new file, as an original server keeps its own, and exit",
    },
    {
      name: 'take-over',
      help: 'Take over what an original server has left in the state directory, if anything, and exit',
    },
    {
      name: 'hand-over',
      help: 'Leave the state to an original server in the state directory, and exit',
    },
    { name: 'debug', help: 'Run in the foreground and say in detail what is done' },
    {
      name: 'debuglevel',
      argument: 'LEVEL',
      help: `What to log: ${LOG_LEVELS.map(level => level.toUpperCase()).join(', ')}. Default: WARNING`,
    },
    {
      name: 'audit-log',
      argument: 'FILE',
      help: 'Append every verdict to this file, each as a line of JSON. Default: none',
    },
    {
      name: 'priority',
      argument: 'STRING',
      help: `GnuTLS priority string for the TLS handshake. Default: ${SERVER_PRIORITY}`,
    },
    { name: 'servicename', argument: 'NAME', help: `Zeroconf service name. Default: ${SERVICE_NAME}` },
    {
      name: 'configdir',
      argument: 'DIRECTORY',
      help: `Where mandos.conf, clients.conf and clients.d are. Default: ${DEFAULT_CONFIG_DIRECTORY}`,
    },
    { name: 'no-dbus', help: 'Offer no D-Bus interface' },
    { name: 'no-ipv6', help: 'Use IPv4 only; clients that use IPv6 cannot find or reach the server then' },
    {
      name: 'no-restore',
      help: 'Begin with what the configuration says, not with the state of the last run',
    },
    { name: 'socket', argument: 'FD', help: 'Use this open file descriptor, a bound TCP socket' },
    {
      name: 'statedir',
      argument: 'DIRECTORY',
      help: `Where the clients' state is kept. Default: ${DEFAULT_STATE_DIRECTORY}`,
    },
    { name: 'foreground', help: 'Stay in the foreground, write no PID file, and log to standard error' },
    { name: 'no-zeroconf', help: 'Do not announce the service; needs --port or --socket' },
    { name: 'help', short: 'h', help: 'Show this help and exit' },
    { name: 'version', short: 'v', help: 'Show the version and exit' },
  ],
  notes: 'Most options can also be set in mandos.conf(5); the command line wins.',
};
