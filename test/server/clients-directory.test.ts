import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatFault } from '../../common/config-fault.js';
import { checkConfig } from '../../server/check-config.js';
import { loadClients } from '../../server/clients-config.js';
import { systemFiles } from '../../server/config/files.js';
import { scratchDirectory } from '../support/loopback.js';
import { memoryFiles } from './config/memory-files.js';

const SECRET = Buffer.from('85010203', 'hex').toString('base64');

/** A whole client in four lines; more lines begin at the fifth. */
function client(name: string, digit: string, lines = ''): string {
  return `[${name}]\nkey_id = ${digit.repeat(64)}\nsecret = ${SECRET}\nhost = ${name}\n${lines}`;
}

/** Loads a configuration whose files are named from its directory on. */
function load(contents: Readonly<Record<string, string>>, mode?: number) {
  const paths = Object.entries(contents).map(([name, text]) => [join('/x', name), text]);
  return loadClients('/x', memoryFiles(Object.fromEntries(paths), mode));
}

function namesOf(contents: Readonly<Record<string, string>>): string[] {
  return load(contents).clients.map(({ name }) => name);
}

function faultsOf(...args: Parameters<typeof load>): string[] {
  return formatted(load(...args).faults);
}

function formatted(faults: ReturnType<typeof loadClients>['faults']): string[] {
  return faults.map(fault => `${fault.severity}: ${formatFault(fault)}`);
}

test('clients.conf and then the files of clients.d are read, in the byte order of their names', () => {
  const contents = {
    'clients.d/ä.conf': client('auml', '1'),
    'clients.d/\u{1f5a5}.conf': client('computer', '2'),
    'clients.d/\uff21.conf': client('wide', '3'),
    'clients.d/b.conf': client('b1', '4') + client('b2', '5'),
    'clients.d/a.conf': client('a', '6'),
    'clients.d/Z.conf': client('z', '7'),
    'clients.conf': client('main', '8'),
  };
  assert.deepEqual(namesOf(contents), ['main', 'z', 'a', 'b1', 'b2', 'auml', 'wide', 'computer']);
  assert.deepEqual(faultsOf(contents), []);
});

test('[DEFAULT] of clients.conf holds everywhere, that of another file over it and for that file only', () => {
  const { clients, faults } = load({
    'clients.conf': `[DEFAULT]\ntimeout = PT7M\ninterval = PT1M\n${client('main', '1')}`,
    'clients.d/a.conf': `[DEFAULT]\ninterval = PT3M\n${client('a', '2')}${client('b', '3', 'interval = PT4M\n')}`,
    'clients.d/c.conf': client('c', '4'),
  });
  assert.deepEqual(faults, []);
  assert.deepEqual(
    clients.map(({ name, timeoutMs, intervalMs }) => [name, timeoutMs / 60_000, intervalMs / 60_000]),
    [
      ['main', 7, 1],
      ['a', 7, 3],
      ['b', 7, 4],
      ['c', 7, 1],
    ],
  );
});

test('options refer to each other across files as [DEFAULT] is inherited', () => {
  const { clients, faults } = load({
    'clients.conf': '[DEFAULT]\ndomain = example.org\naddress = %(short)s.%(domain)s\n',
    'clients.d/a.conf': `[DEFAULT]\ndomain = example.net\n${client('a', '1', 'short = www\n').replace('host = a', 'host = %(address)s')}`,
  });
  assert.deepEqual(formatted(faults), []);
  assert.equal(clients[0]?.host, 'www.example.net');
});

test('a fault in [DEFAULT] of clients.conf is told once, and for whom where a file has another value', () => {
  assert.deepEqual(
    faultsOf({
      'clients.conf': `[DEFAULT]\ntimeout = soon\n`,
      'clients.d/a.conf': client('a', '1'),
      'clients.d/b.conf': client('b', '2'),
    }),
    ['error: /x/clients.conf:2: [DEFAULT] timeout: "soon" is not an RFC 3339 duration (try PT5M)'],
  );
  assert.deepEqual(
    faultsOf({
      'clients.conf': `[DEFAULT]\ntimeout = soon\n`,
      'clients.d/a.conf': client('a', '1'),
      'clients.d/b.conf': `[DEFAULT]\ntimeout = later\n${client('b', '2')}${client('c', '3')}`,
    }),
    [
      'error: /x/clients.conf:2: [DEFAULT] timeout: "soon" is not an RFC 3339 duration (try PT5M) (for [a])',
      'error: /x/clients.d/b.conf:2: [DEFAULT] timeout: "later" is not an RFC 3339 duration (try PT5M)',
    ],
  );
});

test('sections, key IDs and D-Bus paths that are there twice are found across files, with both places', () => {
  assert.deepEqual(
    faultsOf({
      'clients.conf': client('a', '1') + client('b.c', '2'),
      'clients.d/1.conf': client('a', '3'),
      'clients.d/2.conf': client('d', '4') + client('e', '2'),
      'clients.d/3.conf': client('b-c', '5') + client('f', '4') + client('d', '6'),
    }),
    [
      'error: /x/clients.d/1.conf:1: [a]: stands in /x/clients.conf:1 already',
      'error: /x/clients.d/2.conf:6: [e] key_id: has the same key ID as [b.c] in /x/clients.conf:6 (each client needs a key of its own)',
      'error: /x/clients.d/3.conf:1: [b-c]: has the same D-Bus path as [b.c] in /x/clients.conf:5: "." and "-" both become "_" (rename one)',
      'error: /x/clients.d/3.conf:6: [f] key_id: has the same key ID as [d] in /x/clients.d/2.conf:2 (each client needs a key of its own)',
      'error: /x/clients.d/3.conf:9: [d]: stands in /x/clients.d/2.conf:1 already',
    ],
  );
});

test('a key ID that clients of two files inherit is named where it stands', () => {
  const withoutKey = (name: string) => client(name, '1').replace(/^key_id.*\n/m, '');
  assert.deepEqual(
    faultsOf({
      'clients.conf': `[DEFAULT]\nkey_id = ${'1'.repeat(64)}\n`,
      'clients.d/a.conf': withoutKey('a'),
      'clients.d/b.conf': withoutKey('b'),
    }),
    [
      'error: /x/clients.conf:2: [DEFAULT] key_id: has the same key ID as [a] in line 2 (each client needs a key of its own) (for [b])',
    ],
  );
});

test('faults stand by file in the order of reading, and then by line', () => {
  const bad = (name: string, digit: string) => client(name, digit, 'enabled = maybe\ntimeout = soon\n');
  const faults = faultsOf({
    'clients.d/b.conf': bad('b', '1'),
    'clients.conf': bad('main', '2'),
    'clients.d/a.conf': `${bad('a', '3')}nonsense\n`,
    'clients.d/ab': '',
  });
  assert.deepEqual(
    faults.map(fault => /: \/x\/([\w./]+(?::\d)?)/.exec(fault)?.[1]),
    [
      'clients.conf:5',
      'clients.conf:6',
      'clients.d/a.conf:5',
      'clients.d/a.conf:6',
      'clients.d/a.conf:7',
      'clients.d/ab',
      'clients.d/b.conf:5',
      'clients.d/b.conf:6',
    ],
  );
});

test('of other names in clients.d nothing is read, and the ones that may be a mistake are warned of', () => {
  const other = client('other', '9');
  const contents = {
    'clients.conf': client('main', '1'),
    'clients.d/README': other,
    'clients.d/.#a.conf': other,
    'clients.d/.a.conf': other,
    'clients.d/.conf': other,
    'clients.d/a.conf.dpkg-old': other,
    'clients.d/a.dpkg-dist.conf': other,
    'clients.d/a.conf': client('a', '2'),
    'clients.d/a.conf~': other,
    'clients.d/b.CONF': other,
    'clients.d/conf': other,
  };
  assert.deepEqual(namesOf(contents), ['main', 'a']);
  assert.deepEqual(faultsOf(contents), [
    'warning: /x/clients.d/a.conf~: is not read: its name does not end in ".conf"',
    'warning: /x/clients.d/b.CONF: is not read: its name does not end in ".conf"',
    'warning: /x/clients.d/conf: is not read: its name does not end in ".conf"',
  ]);
});

test('with clients in clients.d no clients.conf is missed; with no file there it is', () => {
  assert.deepEqual(faultsOf({ 'clients.d/a.conf': client('a', '1') }), []);
  assert.match(
    faultsOf({ 'clients.d/README': '' }).join(),
    /^warning: \/x\/clients\.conf: does not exist: there are no clients/,
  );
  assert.deepEqual(faultsOf({ 'clients.conf': '[DEFAULT]\n', 'clients.d/a.conf': client('a', '1') }), []);
});

test('a file of clients.d without a client is warned of, with what its [DEFAULT] does not do', () => {
  assert.deepEqual(
    faultsOf({
      'clients.conf': client('main', '1'),
      'clients.d/a.conf': '# [a]\n',
      'clients.d/00-defaults.conf': '[DEFAULT]\ntimeout = PT9M\n',
    }),
    [
      'warning: /x/clients.d/00-defaults.conf: has no clients, and its [DEFAULT] holds for no other file (put it into clients.conf)',
      'warning: /x/clients.d/a.conf: has no clients',
    ],
  );
});

test('each file with a secret that everyone can read is warned of', () => {
  const contents = {
    'clients.conf': '[DEFAULT]\ntimeout = PT5M\n',
    'clients.d/a.conf': client('a', '1'),
    'clients.d/b.conf': client('b', '2'),
  };
  assert.deepEqual(faultsOf(contents, 0o100644), [
    'warning: /x/clients.d/a.conf: holds secrets and can be read by everyone (chmod o-rwx /x/clients.d/a.conf)',
    'warning: /x/clients.d/b.conf: holds secrets and can be read by everyone (chmod o-rwx /x/clients.d/b.conf)',
  ]);
});

test('what was there at the last reading and is gone now is an error', () => {
  const both = { '/x/clients.conf': client('main', '1'), '/x/clients.d/a.conf': client('a', '2') };
  const first = loadClients('/x', memoryFiles(both));
  assert.deepEqual(first.sources, ['clients.conf', 'clients.d']);
  const { '/x/clients.conf': clientsConf, '/x/clients.d/a.conf': other } = both;
  const withoutFile = loadClients('/x', memoryFiles({ '/x/clients.d/a.conf': other }), first.sources);
  assert.deepEqual(formatted(withoutFile.faults), [
    'error: /x/clients.conf: does not exist any more (leave it there, empty, if its clients are to be removed)',
  ]);
  const withoutDirectory = loadClients('/x', memoryFiles({ '/x/clients.conf': clientsConf }), first.sources);
  assert.deepEqual(formatted(withoutDirectory.faults), [
    'error: /x/clients.d: does not exist any more (leave it there, empty, if its clients are to be removed)',
  ]);
  const never = loadClients('/x', memoryFiles({ '/x/clients.d/a.conf': other }));
  assert.deepEqual(never.sources, ['clients.d']);
  assert.deepEqual(
    loadClients('/x', memoryFiles({ '/x/clients.d/a.conf': other }), never.sources).faults,
    [],
  );
});

test('what cannot be read of clients.d is an error that names it', t => {
  const directory = scratchDirectory(t);
  const faults = () =>
    formatted(loadClients(directory, systemFiles).faults).map(line => line.replaceAll(directory, '/x'));
  writeFileSync(join(directory, 'clients.conf'), client('main', '1'), { mode: 0o600 });
  mkdirSync(join(directory, 'clients.d'));
  mkdirSync(join(directory, 'clients.d/directory.conf'));
  symlinkSync('nowhere', join(directory, 'clients.d/link.conf'));
  writeFileSync(join(directory, 'clients.d/web.conf'), client('web', '2'), { mode: 0o600 });
  assert.deepEqual(faults(), [
    'error: /x/clients.d/directory.conf: cannot be read: it is not a regular file',
    'error: /x/clients.d/link.conf: cannot be read: there is no such file (a symbolic link that leads nowhere?)',
  ]);
});

test('a clients.d that is no directory is an error', t => {
  const directory = scratchDirectory(t);
  writeFileSync(join(directory, 'clients.conf'), client('main', '1'), { mode: 0o600 });
  writeFileSync(join(directory, 'clients.d'), '');
  assert.deepEqual(formatted(loadClients(directory, systemFiles).faults), [
    `error: ${directory}/clients.d: cannot be read: not a directory`,
  ]);
});

test('--check counts the clients and the faults of all files', () => {
  const files = {
    '/x/clients.conf': client('main', '1'),
    '/x/clients.d/a.conf': client('a', '2'),
    '/x/clients.d/b.conf': client('b', '3', 'hots = h\n'),
  };
  const values = new Map([['configdir', ['/x']]]);
  assert.deepEqual(checkConfig(values, memoryFiles(files)), {
    text: `warning: /x/clients.d/b.conf:5: [b] hots: is not an option of a client (did you mean host?)
configuration is valid: 3 clients, 1 warning
`,
    exitStatus: 0,
  });
  const broken = { ...files, '/x/clients.d/c.conf': client('a', '4') };
  assert.deepEqual(checkConfig(values, memoryFiles(broken)), {
    text: `warning: /x/clients.d/b.conf:5: [b] hots: is not an option of a client (did you mean host?)
error: /x/clients.d/c.conf:1: [a]: stands in /x/clients.d/a.conf:1 already
1 error, 1 warning
`,
    exitStatus: 1,
  });
});
