import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../../common/config-fault.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import { loadClients } from '../../server/clients-config.js';
import type { FileContent } from '../../server/config/files.js';
import { pick, seededRandom } from '../support/random.js';
import { memoryFiles } from './config/memory-files.js';

const KEY_ID = '788cd77115cd0bb7b2d5e0ae8496f6b48149d5e712c652076b1fd2d957ef7c1f';
const OTHER_KEY_ID = KEY_ID.replaceAll('7', '9');
const FINGERPRINT = '7788 2722 5BA7 DE53 9C5A  7CFA 59CF F7CD BD9A 5920';

function load(text: string, other: Record<string, string | Uint8Array | FileContent> = {}, mode?: number) {
  return loadClients('/etc/mandos', memoryFiles({ '/etc/mandos/clients.conf': text, ...other }, mode));
}

/** The faults of a file, without the path. */
function faultsOf(...args: Parameters<typeof load>): string[] {
  return load(...args).faults.map(fault =>
    `${fault.severity}: ${formatFault(fault)}`.replaceAll('/etc/mandos/clients.conf', 'FILE'),
  );
}

/** A whole client in five lines; more lines begin at the sixth. */
function client(lines: string, name = 'web1', keyId = KEY_ID): string {
  return `[${name}]\nkey_id = ${keyId}\nsecret = hQECAw==\nhost = h\n\n${lines}\n`;
}

test('a client has the defaults of the manual page', () => {
  const { clients, faults } = load(client(''));
  assert.deepEqual(faults, []);
  assert.deepEqual(clients, [
    {
      name: 'web1',
      keyId: KEY_ID,
      fingerprint: undefined,
      secret: Buffer.from('85010203', 'hex'),
      host: 'h',
      checker: 'fping -q -- %(host)s',
      timeoutMs: 5 * 60_000,
      extendedTimeoutMs: 15 * 60_000,
      intervalMs: 2 * 60_000,
      approvalDelayMs: 0,
      approvalDurationMs: 1000,
      approvedByDefault: true,
      enabled: true,
      releaseCheck: 'warn',
      maxReleases: 0,
      releaseWindow: '',
    },
  ]);
});

test('every fault of a file is reported in the order of its lines', () => {
  const text = `[DEFAULT]
timeout = 5 parsecs
${client('enabled = maybe\ninterval = PT0S\nchekcer = true')}
[web2]
key_id = ${KEY_ID.slice(2)}
fingerprint = xyz
approval_delay = 1 min
checker = fping -- %(name)s
[web3]
`;
  assert.deepEqual(faultsOf(text), [
    'error: FILE:2: [DEFAULT] timeout: "5 parsecs" is not an RFC 3339 duration (try PT5M)',
    'error: FILE:8: [web1] enabled: "maybe" is neither true nor false (allowed: 1, yes, true, on, 0, no, false, off)',
    'error: FILE:9: [web1] interval: is zero (allowed: at least PT1S)',
    'warning: FILE:10: [web1] chekcer: is not an option of a client (did you mean checker?)',
    'error: FILE:12: [web2]: needs a secret or a secfile (mandos-keygen --password prints a secret)',
    'error: FILE:13: [web2] key_id: has 62 hexadecimal digits (allowed: 64)',
    'error: FILE:14: [web2] fingerprint: has a character that is not hexadecimal (0-9 a-f)',
    'error: FILE:15: [web2] approval_delay: "1 min" is not an RFC 3339 duration (try PT1M)',
    'error: FILE:16: [web2] checker: refers to "%(name)s", but there is no option "name" ' +
      '(write "%%(name)s" for the client\'s own)',
    'error: FILE:17: [web3]: needs a key_id (mandos-keygen --password prints it)',
    'error: FILE:17: [web3]: needs a secret or a secfile (mandos-keygen --password prints a secret)',
    'warning: FILE:17: [web3]: has no host, which its checker asks for: it will be disabled',
  ]);
});

test('a fault in [DEFAULT] that only some clients have says which', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const clients = names.map((name, i) =>
    client(name === 'a' ? 'domain = x.org' : '', name, `${i}${KEY_ID.slice(1)}`),
  );
  assert.deepEqual(faultsOf(`[DEFAULT]\ncomment = %(domain)s\n${clients.join('')}`), [
    'warning: FILE:2: [DEFAULT] comment: is not an option of a client (it is ignored)',
    'error: FILE:2: [DEFAULT] comment: refers to "%(domain)s", but there is no option "domain" ' +
      '(for [b], [c], [d] and 1 more)',
  ]);
});

test('an option of any name may serve others', () => {
  const { clients, faults } = load(client('x = 1').replace('host = h', 'host = %(X)s.org'));
  assert.deepEqual(faults, []);
  assert.equal(clients[0]?.host, '1.org');
});

test('key IDs and fingerprints are compared without case and white space', () => {
  const keyId = KEY_ID.toUpperCase().replace(/.{8}/g, '$& ');
  const { clients, faults } = load(client(`fingerprint = ${FINGERPRINT}`, 'web1', keyId));
  assert.deepEqual(faults, []);
  assert.equal(clients[0]?.keyId, KEY_ID);
  assert.equal(clients[0]?.fingerprint, '778827225ba7de539c5a7cfa59cff7cdbd9a5920');
});

test('two clients may not share a key ID', () => {
  assert.deepEqual(faultsOf(client('', 'a') + client('', 'b', KEY_ID.toUpperCase())), [
    'error: FILE:8: [b] key_id: has the same key ID as [a] in line 2 (each client needs a key of its own)',
  ]);
});

test('two clients may not have one D-Bus path', () => {
  assert.deepEqual(faultsOf(client('', 'a.b') + client('', 'a-b', OTHER_KEY_ID)), [
    'error: FILE:7: [a-b]: has the same D-Bus path as [a.b] in line 1: "." and "-" both become "_" (rename one)',
  ]);
});

test('a client that no TLS key can prove to be is warned of', () => {
  const text = client('').replace(`key_id = ${KEY_ID}`, `fingerprint = ${FINGERPRINT}`);
  assert.deepEqual(faultsOf(text), [
    'warning: FILE:1: [web1]: has a fingerprint only; clients with GnuTLS 3.6 or later need a key_id to be known',
  ]);
});

test('a name must be more than white space', () => {
  assert.deepEqual(faultsOf(client('', ' ')), ['error: FILE:1: [ ]: a client needs a name']);
});

test('a damaged secret is named by its line and never shown', () => {
  const withSecret = (lines: string) => client('').replace('secret = hQECAw==', `secret =\n${lines}`);
  const messages = {
    '   hQEC\n   A*==\n': '5: [web1] secret: has a character that is not base64 (A-Z a-z 0-9 + / =)',
    '   hQ==\n   hQEC\n': '4: [web1] secret: has "=" before its end: two values, or lines in the wrong order',
    '   hQEC\n   Aw\n': '5: [web1] secret: is not a whole base64 text: characters are missing or too many',
    '   hQEC\n   Aw===\n': '5: [web1] secret: is not a whole base64 text: characters are missing or too many',
    '': '3: [web1] secret: is empty (mandos-keygen --password makes it)',
    '   hQEC\nAw==': '5: [web1] secret: looks like the last line of the secret above: indent it',
    '   hQEC\nhQECAwhQECAw\nhQECAwhQECAx':
      '5: [web1]: is neither "[section]" nor "option = value" (indent it if it continues the value above)',
  };
  for (const [lines, message] of Object.entries(messages)) {
    const [fault, ...others] = faultsOf(withSecret(lines));
    assert.deepEqual([fault, others], [`error: FILE:${message}`, []]);
  }
});

test('a secret larger than clients take is refused', () => {
  const text = client('').replace('secret = hQECAw==', 'secfile = /web1');
  const atLimit = Buffer.alloc(SECRET_LIMIT_BYTES, 0x85);
  assert.deepEqual(faultsOf(text, { '/web1': atLimit }), []);
  const inFile = client('').replace('hQECAw==', Buffer.concat([atLimit, Buffer.alloc(1)]).toString('base64'));
  assert.deepEqual(faultsOf(inFile), [
    'error: FILE:3: [web1] secret: has more than 65536 bytes, which clients refuse',
  ]);
});

test('whatever is wrong with a file, no fault shows a part of a secret', () => {
  const random = seededRandom(3);
  const noise = ['\n', '\n  ', '=', ':', '[', ']', '%', '%(', '#', ' ', '\0', '\ufeff', 'x'] as const;
  for (let i = 0; i < 4000; i++) {
    const secret = Buffer.from(Array.from({ length: 100 }, () => random() * 256)).toString('base64');
    const lines = secret.replace(/.{32}/g, '$&\n  ');
    let text = client('').replace('secret = hQECAw==', `secret =\n  ${lines}`);
    for (let wounds = 1 + random() * 5; wounds > 1; wounds--) {
      const at = Math.floor(random() * text.length);
      const cut = random() < 0.5 ? Math.floor(random() * 4) : 0;
      text = text.slice(0, at) + (random() < 0.7 ? pick(random, noise) : '') + text.slice(at + cut);
    }
    const said = faultsOf(text).join('\n').toLowerCase();
    for (let at = 0; at + 10 <= secret.length; at++) {
      const part = secret.slice(at, at + 10).toLowerCase();
      assert.ok(!said.includes(part), `${part} is in: ${said}\nof: ${text}`);
    }
  }
});

test('a wrong value that refers to the secret is not shown', () => {
  const hidden = 'has a wrong value, which is not shown as it refers to the secret';
  for (const option of ['timeout', 'enabled', 'release_check', 'max_releases', 'release_window']) {
    for (const value of ['%(secret)s', '%(SECRET)s s', 'x\n  %(secret)s', '%(host)s']) {
      const text = client(`${option} = ${value}`).replace('host = h', 'host = %(secret)s');
      assert.deepEqual(faultsOf(text), [`error: FILE:6: [web1] ${option}: ${hidden}`], value);
    }
  }
  const text = client('checker = %(secret)s').replace('hQECAw==', '%%(hQECAw)s');
  assert.deepEqual(faultsOf(text).slice(1), [`error: FILE:6: [web1] checker: ${hidden}`]);
});

test('a secret that stands where the path of its file belongs is not shown', () => {
  const line = 'hQECAwQF'.repeat(8);
  const withFile = (value: string) => client('').replace('secret = hQECAw==', `secfile = ${value}`);
  for (const secret of [
    line,
    `${line}\n  ${line}`,
    'hQEC\n  Aw==',
    `\n  ${line}`,
    `${line}*`,
    line.repeat(9),
    'cGFzc3dvcmQ=',
    `/${line}`,
  ]) {
    assert.deepEqual(
      faultsOf(withFile(secret)),
      [
        'error: FILE:3: [web1] secfile: is not the path of a file that can be read (a secret itself belongs into the option secret)',
      ],
      secret,
    );
  }
  const path = '/etc/hQECAwQF';
  assert.match(faultsOf(withFile(path)).join(), new RegExp(`the file ${path} does not exist`));
  assert.deepEqual(faultsOf(withFile(line), { [line]: Buffer.from('850102', 'hex') }), []);
});

test('a secret that no client could decrypt is warned of', () => {
  const withSecret = (secret: string) =>
    client('').replace('hQECAw==', Buffer.from(secret).toString('base64'));
  assert.deepEqual(faultsOf(withSecret('-----BEGIN PGP MESSAGE-----')), [
    'warning: FILE:3: [web1] secret: is ASCII-armored OpenPGP; clients need it in binary (gpg --dearmor)',
  ]);
  assert.deepEqual(faultsOf(withSecret('password')), [
    'warning: FILE:3: [web1] secret: is not an OpenPGP message; clients cannot decrypt it ' +
      '(mandos-keygen --password makes one)',
  ]);
});

test('a secret may stand in a file', () => {
  const text = client('').replace('secret = hQECAw==', 'secfile = $SECRETS/web1');
  const { clients, faults } = load(text, { '/secrets/web1': Buffer.from('85ff000a', 'hex') });
  assert.deepEqual(faults, []);
  assert.deepEqual(clients[0]?.secret, Buffer.from('85ff000a', 'hex'));
});

test('a secret file beside a secret is not used, which is warned of', () => {
  const { clients } = load(client('secfile = /nonexistent'));
  assert.deepEqual(clients[0]?.secret, Buffer.from('85010203', 'hex'));
  assert.deepEqual(faultsOf(client('secfile = /nonexistent')), [
    'warning: FILE:6: [web1] secfile: is not used, since there is a secret (remove one of the two)',
  ]);
});

test('a comment behind a value is pointed out, but not to a checker, where it may be none', () => {
  const hint = '(comments stand on lines of their own)';
  assert.deepEqual(faultsOf(client('timeout = PT5M # five\nenabled = Yes ; really')), [
    `error: FILE:6: [web1] timeout: "PT5M # five" is not an RFC 3339 duration (try PT5M) ${hint}`,
    `error: FILE:7: [web1] enabled: "Yes ; really" is neither true nor false (allowed: 1, yes, true, on, 0, no, false, off) ${hint}`,
  ]);
  assert.deepEqual(faultsOf(client('').replace('hQECAw==', 'hQECAw== # half')), [
    `error: FILE:3: [web1] secret: has a character that is not base64 (A-Z a-z 0-9 + / =) ${hint}`,
  ]);
  assert.doesNotMatch(faultsOf(client('checker = true ; date +%%s # now')).join(), /comments/);
});

test('a secret file that is of no use is named', () => {
  const text = client('').replace('secret = hQECAw==', 'secfile = ~/web1');
  const outcomes: [FileContent | string, string][] = [
    [{ kind: 'missing' }, 'the file /root/web1 does not exist'],
    [
      { kind: 'unreadable', reason: 'permission denied' },
      'the file /root/web1 cannot be read: permission denied',
    ],
    ['', 'the file /root/web1 is empty'],
  ];
  for (const [content, message] of outcomes) {
    assert.deepEqual(faultsOf(text, { '/root/web1': content }), [
      `error: FILE:3: [web1] secfile: ${message}`,
    ]);
  }
  const empty = text.replace('~/web1', '');
  assert.deepEqual(faultsOf(empty), ['error: FILE:3: [web1] secfile: is empty (write the path of a file)']);
});

test('files with secrets that everyone can read are warned of', () => {
  assert.deepEqual(faultsOf(client(''), {}, 0o100644), [
    'warning: FILE: holds secrets and can be read by everyone (chmod o-rwx FILE)',
  ]);
  const text = client('').replace('secret = hQECAw==', 'secfile = /web1');
  assert.deepEqual(faultsOf(text, { '/web1': Buffer.from([0x85]) }, 0o100644), [
    'warning: FILE:3: [web1] secfile: the file /web1 can be read by everyone (chmod o-rwx /web1)',
  ]);
});

test('a checker may name what the manual page lists, and nothing else', () => {
  const faults = (checker: string) => faultsOf(client(`checker = ${checker}`));
  assert.deepEqual(faults('x %%(host)s %%(key_id)s %%(dbus_object_path)s %%%%(nope)s'), []);
  assert.deepEqual(faults('x %%(hots)s'), [
    'error: FILE:6: [web1] checker: "%%(hots)s" names nothing that a client has (did you mean host?)',
  ]);
  assert.match(
    faults('x %%(secret)s')[0] ?? '',
    /"%%\(secret\)s" names nothing .* \(allowed: approval_delay, /,
  );
  for (const checker of ['date +%%s', 'x %%(host)', 'x %%']) {
    assert.deepEqual(faults(checker), [
      'error: FILE:6: [web1] checker: has a "%" that is not part of "%%(name)s" (write "%%%%" for a percent character)',
    ]);
  }
});

test('a missing clients.conf is no error, one that cannot be read is', () => {
  const loadFrom = (content?: FileContent) =>
    loadClients('/x', memoryFiles(content ? { '/x/clients.conf': content } : {})).faults.map(
      fault => `${fault.severity}: ${formatFault(fault)}`,
    );
  assert.deepEqual(loadFrom(), [
    'warning: /x/clients.conf: does not exist: there are no clients (mandos-keygen --password prints a section for it)',
  ]);
  assert.deepEqual(loadFrom({ kind: 'unreadable', reason: 'permission denied' }), [
    'error: /x/clients.conf: cannot be read: permission denied',
  ]);
  assert.deepEqual(faultsOf('[DEFAULT]\n'), ['warning: FILE: has no clients']);
});

test('release_check, max_releases and release_window have their values, and others are refused', () => {
  const { clients, faults } = load(
    client(
      'release_check = DENY\nmax_releases = 7\nrelease_window =\n  Mon - Fri 08:00-18:00,\n  sun,sat 10:00-12:00',
    ),
  );
  assert.deepEqual(faults, []);
  const { releaseCheck, maxReleases, releaseWindow } = clients[0] ?? assert.fail();
  assert.deepEqual(
    [releaseCheck, maxReleases, releaseWindow],
    ['deny', 7, 'Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00'],
  );
  assert.deepEqual(faultsOf(client('release_check = yes\nmax_releases = -1\nrelease_window = 8-18')), [
    'error: FILE:6: [web1] release_check: "yes" is none of off, warn, deny',
    'error: FILE:7: [web1] max_releases: "-1" is not a number of releases (allowed: 0 to 1000000; 0 is no limit)',
    'error: FILE:8: [web1] release_window: "8-18" is not "[DAYS ]HH:MM-HH:MM"',
  ]);
});

test('release_check = deny with a checker that always succeeds is warned of', () => {
  for (const checker of ['', ':', 'true', '/bin/true']) {
    const [fault = ''] = faultsOf(client(`release_check = deny\nchecker = ${checker}`));
    assert.match(fault, /^warning: FILE:6: \[web1\] release_check: is deny, and the checker always succeeds/);
  }
  assert.deepEqual(faultsOf(client('release_check = deny\nchecker = true; false')), []);
  assert.deepEqual(faultsOf(client('release_check = warn\nchecker = true')), []);
});
