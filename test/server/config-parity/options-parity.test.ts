import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCommandLine } from '../../../common/cli.js';
import { countErrors, formatFault } from '../../../common/config-fault.js';
import { CLIENT_PRIORITY, SERVER_PRIORITY } from '../../../common/protocol.js';
import { PROGRAM } from '../../../server/command-line.js';
import { systemFiles } from '../../../server/config/files.js';
import type { ServerOptions } from '../../../server/options.js';
import { loadOptions } from '../../../server/options.js';
import { requires } from '../../support/requires.js';
import type { Difference } from './difference.js';
import { accepted, assertParity, refused } from './difference.js';
import { askOriginal, fileInput } from './original.js';

interface OptionsCase {
  /** Lines in [DEFAULT]; undefined for no file. */
  readonly file?: string;
  readonly args?: readonly string[];
  readonly difference?: Difference;
}

const PRIORITY = 'SECURE256:!CTYPE-X.509:+CTYPE-RAWPK:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA';

const CASES: readonly OptionsCase[] = [
  {},
  { file: '' },
  {
    file: `interface = eth0\naddress = fe80::1\nport = 1025\ndebug = no\npriority = ${PRIORITY}\nservicename = Daena
use_dbus = False\nuse_ipv6 = on\nrestore = 0\nstatedir = /x\nforeground = yes\nzeroconf = off`,
  },
  { file: 'interface =\naddress =\nport =\nsocket =\ndebuglevel =' },
  {
    file: 'priority =\nservicename =\nstatedir =',
    difference: { here: 'value', why: 'nothing can be done with an empty one; it means the default here' },
  },
  { file: 'port = x' },
  { file: 'port = 70000', ...refused('there is no such port') },
  { file: 'port = 1_0', ...refused('digits only') },
  { file: 'port = 0' },
  { file: 'socket = 3' },
  { file: 'socket = x' },
  { file: 'debug = maybe' },
  { file: 'debug =' },
  { file: 'debug = TRUE' },
  { file: 'debug = yes\ndebuglevel = error' },
  { file: 'debuglevel = error' },
  { file: 'debuglevel = LOUD' },
  { file: 'a = 5\nport = %(a)s' },
  { file: 'a = on\ndebug = %(a)s' },
  { file: 'port = %(nope)s' },
  { file: 'a = 5\nservicename = %(a)s' },
  { file: 'servicename = 100%%' },
  { file: 'servicename = %' },
  { file: 'bogus = %(nope)s' },
  { file: `servicename = ${'x'.repeat(63)}` },
  { file: `servicename = ${'x'.repeat(64)}`, ...refused('DNS-SD cannot announce it') },
  { file: 'port = 1\n[server]\nport = 2' },
  { file: '[other]\nport = 2\n[DEFAULT]\nport = 3' },
  { file: 'port = 1\nport = 2' },
  { file: 'port' },
  { file: 'zeroconf = no' },
  { file: 'zeroconf = no\nport = 5' },
  { file: 'zeroconf = no\nsocket = 5' },
  { file: 'address = 192.0.2.3', ...refused('the original ends when it binds it') },
  { file: 'address = ::ffff:192.0.2.3' },
  { file: 'address = 192.0.2.3\nuse_ipv6 = no' },
  { file: 'address = 2001:db8::1\nuse_ipv6 = no', ...refused('the original ends when it binds it') },
  { file: 'address = fe80::1', ...refused('the original ends when it binds it') },
  { file: 'address = example.org', ...refused('the original takes whatever the name resolves to') },
  { file: 'priority = NOPE', ...refused('the original fails at each connection') },
  { args: ['-a', '::1'], difference: { here: 'value', why: 'nobody could reach what is announced' } },
  {
    args: [
      '-i',
      'eth9',
      '-a',
      '2001:db8::1',
      '-p',
      '7',
      '--servicename',
      'S',
      '--statedir',
      '/y',
      '--socket',
      '4',
    ],
  },
  { args: ['--no-dbus', '--no-ipv6', '--no-restore', '--foreground'] },
  { args: ['--no-zeroconf'] },
  { args: ['--no-zeroconf', '--port', '5'] },
  { args: ['--no-zeroconf', '--port', '0'], ...accepted('the system chooses the port and the log says it') },
  { args: ['--no-zeroconf', '--socket', '5'] },
  { args: ['--port', 'x'] },
  { args: ['--debug'] },
  { args: ['--debuglevel', 'Info'] },
  { args: ['--debuglevel', 'CRITICAL', '--debug'] },
  { file: 'port = 5\ninterface = a\nuse_dbus = yes', args: ['--port', '6', '-i', '', '--no-dbus'] },
  { file: 'port = x', args: ['--port', '6'] },
];

test('mandos.conf and the command line mean what they mean to the original', requires('mandos'), async t => {
  const directory = mkdtempSync(join(tmpdir(), 'options-parity-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = CASES.map(({ file }) => (file === undefined ? undefined : `[DEFAULT]\n${file}\n`));
  const inputs = CASES.map(({ args }, i) => {
    const file = files[i];
    return { file: file === undefined ? null : fileInput(file), args: args ?? [] };
  });
  const theirs = askOriginal<Record<string, unknown>>('options', inputs);
  for (const [i, { file, args = [], difference }] of CASES.entries()) {
    await t.test(JSON.stringify({ file, args }), () => {
      const path = join(directory, 'mandos.conf');
      rmSync(path, { force: true });
      const text = files[i];
      if (text !== undefined) writeFileSync(path, text);
      const line = parseCommandLine(PROGRAM, ['--configdir', directory, ...args]);
      assert.equal(line.kind, 'run');
      const { options, faults } = loadOptions(line.values, systemFiles);
      const ours = countErrors(faults) > 0 ? 'refused' : inOriginalTerms(options);
      const outcome = theirs[i];
      assert.ok(outcome);
      const original = 'result' in outcome ? comparable(outcome.result) : 'refused';
      assertParity(ours, original, difference, faults.map(formatFault).join('\n'));
    });
  }
});

/** Python's numbers of the log levels; None stands for its default. */
const LEVELS = { critical: 50, error: 40, warning: null, info: 20, debug: 10 } as const;

function inOriginalTerms(options: ServerOptions): Record<string, unknown> {
  return {
    interface: options.interface ?? '',
    address: options.address ?? '',
    port: options.port ?? '',
    socket: options.socket ?? '',
    debug: options.debug,
    log_level: LEVELS[options.logLevel],
    // The order of groups and ciphers is this project's own.
    priority: options.priority === SERVER_PRIORITY ? CLIENT_PRIORITY : options.priority,
    servicename: options.serviceName,
    use_dbus: options.useDbus,
    use_ipv6: options.useIpv6,
    restore: options.restore,
    statedir: options.stateDirectory,
    foreground: options.foreground,
    zeroconf: options.zeroconf,
  };
}

function comparable(settings: Record<string, unknown>): Record<string, unknown> {
  const { foreground, debug, ...rest } = settings;
  // Where the files are, what became log_level, and unknown options.
  for (const name of ['configdir', 'debuglevel', 'a', 'bogus']) delete rest[name];
  // Debug mode implies foreground, which the original works out elsewhere.
  return { ...rest, debug, foreground: foreground === true || debug === true };
}
