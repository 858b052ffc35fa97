import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientSettings } from '../../server/client/settings.js';
import { loadClients } from '../../server/clients-config.js';
import {
  describeClientsDifference,
  differenceOfClients,
  differenceOfOptions,
} from '../../server/config-difference.js';
import { CLIENT_OPTIONS } from '../../server/config/client-options.js';
import { loadOptions } from '../../server/options.js';
import { TEST_SETTINGS } from '../support/release-server.js';
import { memoryFiles } from './config/memory-files.js';

function client(name: string, changes: Partial<ClientSettings> = {}): ClientSettings {
  return { ...TEST_SETTINGS, secret: Buffer.from('secret'), name, ...changes };
}

/** The options of a mandos.conf with these lines, and of a command line. */
function options(lines: string, args: Readonly<Record<string, string>> = {}) {
  const values = new Map(
    Object.entries({ configdir: '/x', ...args }).map(([name, value]) => [name, [value]]),
  );
  return loadOptions(values, memoryFiles({ '/x/mandos.conf': `[DEFAULT]\n${lines}` })).options;
}

test('clients that are added, removed and changed are told apart by their names', () => {
  const before = [client('same'), client('old'), client('web1')];
  const after = [
    client('web1', { timeoutMs: 1, secret: Buffer.from('other') }),
    client('same'),
    client('new', { keyId: 'cd'.repeat(32) }),
  ];
  assert.deepEqual(differenceOfClients(before, after), {
    added: ['new'],
    removed: ['old'],
    changed: [{ name: 'web1', keys: ['secret', 'timeout'] }],
  });
});

test('the same clients are no difference, in whatever order and memory', () => {
  const difference = differenceOfClients([client('a'), client('b')], [client('b'), client('a')]);
  assert.deepEqual(difference, { added: [], removed: [], changed: [] });
  assert.deepEqual(describeClientsDifference(difference), []);
});

test('each option of clients.conf that is changed is named as the file names it', () => {
  const load = (lines: string) =>
    loadClients('/x', memoryFiles({ '/x/clients.conf': `[web1]\n${lines}`, '/secret': '\x85' })).clients;
  const before = `key_id = ${'1'.repeat(64)}\nsecret = hQ==\nhost = h\n`;
  const values: Record<string, string> = {
    timeout: 'PT1H',
    extended_timeout: 'PT1H',
    interval: 'PT1H',
    checker: 'true',
    host: 'other',
    approval_delay: 'PT1H',
    approval_duration: 'PT1H',
    approved_by_default: 'no',
    enabled: 'no',
    release_check: 'deny',
    max_releases: '2',
    release_window: '08:00-18:00',
    key_id: '2'.repeat(64),
    fingerprint: '3'.repeat(40),
    secret: 'hg==',
  };
  for (const [key, value] of Object.entries(values)) {
    const after = before.replace(new RegExp(`^${key} = .*\n`, 'm'), '') + `${key} = ${value}\n`;
    const { changed } = differenceOfClients(load(before), load(after));
    assert.deepEqual(changed, [{ name: 'web1', keys: [key] }]);
  }
  assert.deepEqual(new Set([...Object.keys(values), 'secfile']), CLIENT_OPTIONS);
});

test('a difference is one line, with no value in it', () => {
  const before = [client('old1'), client('web1'), client('web2')];
  const after = [
    client('web1', { timeoutMs: 77, secret: Buffer.from('other') }),
    client('web2', { host: 'elsewhere' }),
    client('web3'),
    client('web4'),
  ];
  assert.deepEqual(describeClientsDifference(differenceOfClients(before, after)), [
    '2 clients added (web3, web4), 1 removed (old1), 2 changed (web1: secret, timeout; web2: host)',
  ]);
  assert.deepEqual(describeClientsDifference(differenceOfClients([client('a')], [])), [
    '1 client removed (a)',
  ]);
});

test('of many clients the line names the first, and counts all', () => {
  const many = Array.from({ length: 1000 }, (_, i) => client(`c${i}`));
  const disabled = many.map(settings => ({ ...settings, enabled: false }));
  assert.deepEqual(describeClientsDifference(differenceOfClients([], many)), [
    '1000 clients added (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 990 more)',
  ]);
  const [line = ''] = describeClientsDifference(differenceOfClients(many, disabled));
  assert.match(line, /^1000 clients changed \(c0: enabled; .*; c9: enabled and 990 more\)$/);
});

test('options that can take effect at once are told from those that need a restart', () => {
  const before = options('');
  assert.deepEqual(differenceOfOptions(before, options('')), { live: [], restart: [] });
  assert.deepEqual(
    differenceOfOptions(
      before,
      options('debuglevel = INFO\naudit_log = /a\nport = 7\naddress = 2001:db8::1\n'),
    ),
    { live: ['debuglevel', 'audit_log'], restart: ['address', 'port'] },
  );
  const all = `interface = eth0\nsocket = 3\npriority = NORMAL\nservicename = x\nuse_dbus = no\nuse_ipv6 = no
restore = no\nstatedir = /y\nforeground = yes\nzeroconf = no\n`;
  assert.deepEqual(differenceOfOptions(before, options(all)), {
    live: [],
    restart: [
      'interface',
      'socket',
      'priority',
      'servicename',
      'use_dbus',
      'use_ipv6',
      'restore',
      'statedir',
      'foreground',
      'zeroconf',
    ],
  });
});

test('debug mode is live, but for going to the foreground', () => {
  const debug = options('debug = yes\n');
  assert.deepEqual(differenceOfOptions(options(''), debug), { live: ['debug'], restart: ['foreground'] });
  const foreground = options('foreground = yes\n');
  assert.deepEqual(differenceOfOptions(foreground, debug), { live: ['debug'], restart: [] });
});

test('what the command line sets is no difference, whatever mandos.conf says', () => {
  const args = { port: '7' };
  assert.deepEqual(differenceOfOptions(options('port = 8\n', args), options('port = 9\n', args)), {
    live: [],
    restart: [],
  });
});
