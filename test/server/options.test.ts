import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../common/cli.js';
import { formatFault } from '../../common/config-fault.js';
import { SERVER_PRIORITY } from '../../common/protocol.js';
import { PROGRAM } from '../../server/command-line.js';
import type { FileContent } from '../../server/config/files.js';
import { loadOptions } from '../../server/options.js';
import { memoryFiles } from './config/memory-files.js';

function load(args: readonly string[], file?: string | FileContent) {
  const line = parseCommandLine(PROGRAM, args);
  assert.equal(line.kind, 'run');
  return loadOptions(line.values, memoryFiles(file === undefined ? {} : { '/etc/mandos/mandos.conf': file }));
}

function faultsOf(...args: Parameters<typeof load>): string[] {
  return load(...args).faults.map(fault => `${fault.severity}: ${formatFault(fault)}`);
}

test('without a file and arguments the defaults of the manual page hold', () => {
  assert.deepEqual(load([]), {
    faults: [],
    options: {
      interface: undefined,
      address: undefined,
      port: undefined,
      socket: undefined,
      debug: false,
      logLevel: 'warning',
      auditLog: undefined,
      priority: SERVER_PRIORITY,
      serviceName: 'Mandos',
      useDbus: true,
      useIpv6: true,
      restore: true,
      stateDirectory: '/var/lib/mandos',
      foreground: false,
      zeroconf: true,
      configDirectory: '/etc/mandos',
      onEvent: undefined,
      metrics: undefined,
      workers: 1,
      maxConnections: 4096,
      maxConnectionsPerAddress: 256,
      greetingTimeoutMs: 10_000,
      handshakeTimeoutMs: 30_000,
      maxGreetingBytes: 64,
      maxPendingApprovals: 8,
      maxFailedHandshakes: 60,
      maxCheckers: 512,
      maxDbusCalls: 256,
      allow: '',
      deny: '',
      linkLocalOnly: false,
    },
  });
});

test('limits have bounds of their own', () => {
  const file = `[DEFAULT]
workers = 0
max_connections = many
greeting_timeout = PT0S
handshake_timeout = soon
max_greeting_length = 5000
link_local_only =
`;
  const at = 'error: /etc/mandos/mandos.conf';
  assert.deepEqual(
    faultsOf([], file).map(fault => fault.replace(/ \(allowed.*/, '')),
    [
      `${at}:2: [DEFAULT] workers: "0" is not a number of processes`,
      `${at}:3: [DEFAULT] max_connections: "many" is not a number of connections`,
      `${at}:4: [DEFAULT] greeting_timeout: "PT0S" is no time at all`,
      `${at}:5: [DEFAULT] handshake_timeout: "soon" is not an RFC 3339 duration (try PT5M)`,
      `${at}:6: [DEFAULT] max_greeting_length: "5000" is not a number of bytes`,
      `${at}:7: [DEFAULT] link_local_only: "" is neither true nor false`,
    ],
  );
  const { options } = load([], '[DEFAULT]\nmax_connections = 7\ngreeting_timeout = 2m\n');
  assert.deepEqual([options.maxConnections, options.greetingTimeoutMs], [7, 120_000]);
});

test('who may connect is a list of networks', () => {
  const list = (text: string) => load([], `[DEFAULT]\nallow = ${text}\n`);
  assert.equal(list('192.0.2.0/24,\n 2001:DB8::/32 ::1').options.allow, '192.0.2.0/24 2001:db8::/32 ::1');
  for (const text of [
    '192.0.2.0/33',
    'fe80::/x',
    '192.0.2',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
    'eth0',
    '::/0/0',
  ]) {
    assert.match(list(text).faults[0]?.message ?? '', /network|number of bits/, text);
  }
});

test('all networks of a list that are wrong are said at once', () => {
  const [fault, ...others] = load([], '[DEFAULT]\nallow = 10.0.0.1/24, eth0 192.0.2.0/24 ::/129\n').faults;
  assert.deepEqual(others, []);
  assert.match(fault?.message ?? '', /^"10.0.0.1\/24" is not the first .*; "eth0" is .*; "::\/129" has no /);
});

test('limits that are at odds with each other are said', () => {
  const faults = (text: string) => faultsOf([], `[DEFAULT]\n${text}`);
  const at = '/etc/mandos/mandos.conf';
  assert.deepEqual(faults('workers = 4\nmax_connections = 3\n'), [
    `error: ${at}:2: [DEFAULT] workers: 4 processes have no connection each (max_connections is 3)`,
  ]);
  assert.deepEqual(faults('max_connections = 4\nworkers = 4\n'), []);
  assert.deepEqual(faults('max_connections = 4\nmax_connections_per_address = 5\n'), [
    `warning: ${at}:3: [DEFAULT] max_connections_per_address: has no effect, since max_connections is 4`,
  ]);
  assert.deepEqual(faults('max_connections_per_address = 4096\n'), []);
  assert.deepEqual(faults('link_local_only = yes\nallow = 192.0.2.0/24 ::1\n'), [
    `warning: ${at}:2: [DEFAULT] link_local_only: nobody can connect, since no network in allow is link-local`,
  ]);
  for (const network of ['fe80::/64', 'fe80::7', '::/0', '169.254.3.0/24', '0.0.0.0/0']) {
    assert.deepEqual(faults(`link_local_only = yes\nallow = 192.0.2.0/24 ${network}\n`), [], network);
  }
});

test('a greeting has the length of the protocol at least', () => {
  const faults = (bytes: number) => faultsOf([], `[DEFAULT]\nmax_greeting_length = ${bytes}\n`);
  assert.equal(faults(2).length, 1);
  assert.deepEqual([faults(3), faults(4096)], [[], []]);
});

test('what on_event and metrics name is looked at', () => {
  const faults = (option: string, mode = 0o100755) => {
    const file = `[DEFAULT]\n${option}\n`;
    const files = memoryFiles({ '/x/mandos.conf': file, '/x/hooks/one': '', '/x/hook': '' }, mode);
    return loadOptions(new Map([['configdir', ['/x']]]), files).faults.map(formatFault);
  };
  const at = '/x/mandos.conf:2: [DEFAULT]';
  assert.deepEqual(faults('on_event = /x/hook'), []);
  assert.deepEqual(faults('on_event = /x/hooks', 0o100644), []);
  assert.deepEqual(faults('on_event = /x/hook', 0o100644), [
    `${at} on_event: "/x/hook" is not executable (chmod +x): it is not run`,
  ]);
  assert.deepEqual(faults('on_event = /x/none'), [
    `${at} on_event: "/x/none" does not exist: nobody hears of events`,
  ]);
  assert.deepEqual(faults('metrics = /x/metrics.sock'), []);
  assert.deepEqual(faults('metrics = /run/mandos/metrics.sock'), [], 'systemd makes the directory');
  assert.deepEqual(faults('metrics = /y/metrics.sock'), [
    `${at} metrics: "/y" is not a directory: metrics cannot be served there`,
  ]);
});

test('metrics are served to this host only', () => {
  const place = (text: string) => load([], `[DEFAULT]\nmetrics = ${text}\n`);
  for (const text of ['127.0.0.1:9464', '[::1]:9464', '/run/mandos/metrics.sock']) {
    assert.equal(place(text).options.metrics, text);
  }
  for (const text of [
    '192.0.2.1:9464',
    '[2001:db8::1]:9464',
    '::1:9464',
    '9464',
    'localhost:9464',
    '127.0.0.1:70000',
  ]) {
    assert.match(place(text).faults[0]?.message ?? '', /no place for metrics/, text);
  }
});

test('every fault of the file and the command line is reported', () => {
  const file = `[DEFAULT]
prot = 5
port = 70000
address = 192.0.2.3
debuglevel = LOUD
debug = maybe
priority = NOPE
servicename = ${'ä'.repeat(32)}
socket = %(fd)s
[server]
`;
  assert.deepEqual(faultsOf(['--socket', 'x', '--no-zeroconf'], file), [
    'warning: /etc/mandos/mandos.conf:2: [DEFAULT] prot: is not an option of the server (did you mean port?)',
    'error: /etc/mandos/mandos.conf:3: [DEFAULT] port: "70000" is not a port number ' +
      '(allowed: 0 to 65535; 0 for one that the system chooses)',
    'error: /etc/mandos/mandos.conf:4: [DEFAULT] address: 192.0.2.3 is an IPv4 address ' +
      '(write ::ffff:192.0.2.3, or turn use_ipv6 off)',
    'error: /etc/mandos/mandos.conf:5: [DEFAULT] debuglevel: "LOUD" is not a log level ' +
      '(allowed: CRITICAL, ERROR, WARNING, INFO, DEBUG)',
    'error: /etc/mandos/mandos.conf:6: [DEFAULT] debug: "maybe" is neither true nor false ' +
      '(allowed: 1, yes, true, on, 0, no, false, off)',
    'error: /etc/mandos/mandos.conf:7: [DEFAULT] priority: GnuTLS priority string "NOPE": The request is invalid.',
    'error: /etc/mandos/mandos.conf:8: [DEFAULT] servicename: has 64 bytes in UTF-8 (allowed: up to 63)',
    'error: /etc/mandos/mandos.conf:9: [DEFAULT] socket: refers to "%(fd)s", but there is no option "fd"',
    "warning: /etc/mandos/mandos.conf:10: [server]: is ignored: the server's options stand in [DEFAULT]",
    'error: command line: --socket: "x" is not the number of a file descriptor (allowed: 0 to 2147483647)',
  ]);
});

test('a file that cannot be read is an error', () => {
  assert.deepEqual(faultsOf([], { kind: 'unreadable', reason: 'permission denied' }), [
    'error: /etc/mandos/mandos.conf: cannot be read: permission denied',
  ]);
});

test('what needs a port without Zeroconf says where Zeroconf was turned off', () => {
  assert.deepEqual(faultsOf([], '[DEFAULT]\nport =\nzeroconf = no\n'), [
    'error: /etc/mandos/mandos.conf:3: [DEFAULT] zeroconf: without Zeroconf a port or a socket is needed, ' +
      'where clients can be told to connect',
  ]);
  assert.deepEqual(load(['--no-zeroconf', '--port=0']).faults, []);
  assert.equal(load(['--no-zeroconf', '--port=0']).options.port, 0);
});

test('an address must fit the family and, if link-local, have an interface', () => {
  assert.deepEqual(faultsOf(['-a', 'fe80::1']), [
    'error: command line: --address: fe80::1 is a link-local address: the option interface is needed with it',
  ]);
  assert.deepEqual(faultsOf(['-a', '::1', '--no-ipv6']), [
    'error: command line: --address: ::1 is an IPv6 address, but use_ipv6 is off (give an IPv4 address)',
  ]);
  assert.deepEqual(faultsOf(['-a', 'example.org']), [
    'error: command line: --address: "example.org" is not an IP address (try :: for all)',
  ]);
  assert.deepEqual(load(['-a', 'fe80::1', '-i', 'eth0']).faults, []);
  assert.deepEqual(load(['-a', 'fe8::1']).faults, []);
});

test('a loopback address is not announced, which is warned of', () => {
  for (const [args, address] of [
    [['-a', '::1'], '::1'],
    [['-a', '::ffff:127.0.0.1'], '::ffff:127.0.0.1'],
    [['-a', '127.0.0.2', '--no-ipv6'], '127.0.0.2'],
  ] as const) {
    const { options } = load(args);
    assert.deepEqual([options.zeroconf, options.address], [false, address]);
    assert.deepEqual(faultsOf(args), [
      `warning: command line: --address: ${address} is a loopback address: no other machine can reach it, ` +
        'so it is not announced',
    ]);
  }
  assert.deepEqual(load(['-a', '::1', '--no-zeroconf', '-p', '7']).faults, []);
  assert.equal(load(['-a', '2001:db8::1']).options.zeroconf, true);
});

test('a service name with dots is warned of where it is announced', () => {
  assert.deepEqual(faultsOf([], '[DEFAULT]\nservicename = Mandos at example.org\n'), [
    'warning: /etc/mandos/mandos.conf:2: [DEFAULT] servicename: "Mandos at example.org" has dots, ' +
      'which become dashes where Avahi does not run',
  ]);
  assert.deepEqual(faultsOf(['--servicename=a.b', '--no-zeroconf', '--port=7']), []);
});

test('a comment behind a value is pointed out', () => {
  assert.deepEqual(faultsOf([], '[DEFAULT]\nport = 7 # seven\nuse_ipv6 = yes\t; six\ndebuglevel = x#y\n'), [
    'error: /etc/mandos/mandos.conf:2: [DEFAULT] port: "7 # seven" is not a port number ' +
      '(allowed: 0 to 65535; 0 for one that the system chooses) (comments stand on lines of their own)',
    'error: /etc/mandos/mandos.conf:3: [DEFAULT] use_ipv6: "yes\\x09; six" is neither true nor false ' +
      '(allowed: 1, yes, true, on, 0, no, false, off) (comments stand on lines of their own)',
    'error: /etc/mandos/mandos.conf:4: [DEFAULT] debuglevel: "x#y" is not a log level ' +
      '(allowed: CRITICAL, ERROR, WARNING, INFO, DEBUG)',
  ]);
  assert.doesNotMatch(faultsOf(['--port', '7 # seven']).join(), /comments/);
});

test('an empty value means the default, but not for a boolean', () => {
  assert.deepEqual(load([], '[DEFAULT]\ninterface =\nport =\nservicename =\n'), load([]));
  assert.match(
    faultsOf([], '[DEFAULT]\nuse_dbus =\n').join(),
    /:2: \[DEFAULT\] use_dbus: "" is neither true/,
  );
});

test("an address's scope is its interface", () => {
  const { options, faults } = load(['-a', 'fe80::1%eth0']);
  assert.deepEqual([options.address, options.interface, faults], ['fe80::1', 'eth0', []]);
  assert.deepEqual(faultsOf(['-a', 'fe80::1%eth0', '-i', 'eth1']), [
    'error: command line: --address: is on interface eth0, but the option interface is eth1',
  ]);
});

test('debug mode runs in the foreground and logs all, whatever else is said', () => {
  const { options } = load(['--debug', '--debuglevel', 'ERROR'], '[DEFAULT]\nforeground = no\n');
  assert.deepEqual([options.debug, options.logLevel, options.foreground], [true, 'debug', true]);
});

test('the audit log has an absolute path', () => {
  assert.equal(
    load(['--audit-log=/var/log/a'], '[DEFAULT]\naudit_log = /b\n').options.auditLog,
    '/var/log/a',
  );
  assert.equal(load([], '[DEFAULT]\naudit_log = /var/log/100%\n').options.auditLog, '/var/log/100%');
  assert.equal(load([], '[DEFAULT]\naudit_log =\n').options.auditLog, undefined);
  assert.deepEqual(faultsOf(['--audit-log', 'a'], '[DEFAULT]\naudit_log = b\n'), [
    'error: /etc/mandos/mandos.conf:2: [DEFAULT] audit_log: "b" is not an absolute path (begin it with "/")',
    'error: command line: --audit-log: "a" is not an absolute path (begin it with "/")',
  ]);
});

test('--configdir says where the file is', () => {
  const line = parseCommandLine(PROGRAM, ['--configdir', '/x/']);
  assert.equal(line.kind, 'run');
  const { options } = loadOptions(line.values, memoryFiles({ '/x/mandos.conf': '[DEFAULT]\nport = 7\n' }));
  assert.deepEqual([options.port, options.configDirectory], [7, '/x/']);
});

test('a --configdir that is no directory is an error; the default one may be missing', () => {
  assert.deepEqual(faultsOf(['--configdir', '/nope']), [
    'error: command line: --configdir: "/nope" is not a directory',
  ]);
  assert.deepEqual(faultsOf(['--configdir', '/etc/mandos/mandos.conf'], ''), [
    'error: command line: --configdir: "/etc/mandos/mandos.conf" is not a directory',
  ]);
  assert.deepEqual(faultsOf([]), []);
});
