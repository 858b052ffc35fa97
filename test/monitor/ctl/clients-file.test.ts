import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../../../common/config-fault.js';
import { readClientsFile } from '../../../monitor/ctl/clients-file.js';
import { exportSection } from '../../../monitor/ctl/export-section.js';
import { pick, seededRandom } from '../../support/random.js';

const SECRET = Uint8Array.of(0x85, 1, 2);
const read = (text: string) =>
  readClientsFile(Buffer.from(text), 'new.conf', file => {
    if (file === '/secret') return SECRET;
    throw new Error(`cannot read ${file}`);
  });
const faults = (text: string) => read(text).faults.map(formatFault);

test('a section becomes the settings that D-Bus knows, and [DEFAULT] counts', () => {
  const { clients, faults: none } = read(`[DEFAULT]
timeout = PT5M
domain = example.org
[web1]
key_id = AB CD
secret = aGVs
    bG8=
host = web1.%(domain)s
checker = ping %%(host)s
interval = 2m
approved_by_default = No
[web2]
secfile = /secret
enabled = on
`);
  assert.deepEqual(none, []);
  assert.deepEqual(
    clients.map(({ name, settings }) => [
      name,
      Object.fromEntries(
        Array.from(settings, ([key, { signature, value }]) => [
          key,
          [signature, value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value],
        ]),
      ),
    ]),
    [
      [
        'web1',
        {
          timeout: ['t', 300_000n],
          key_id: ['s', 'AB CD'],
          secret: ['ay', 'hello'],
          host: ['s', 'web1.example.org'],
          checker: ['s', 'ping %(host)s'],
          interval: ['t', 120_000n],
          approved_by_default: ['b', false],
        },
      ],
      ['web2', { timeout: ['t', 300_000n], secret: ['ay', '\x85\x01\x02'], enabled: ['b', true] }],
    ],
  );
});

test('all that is wrong is said, with its line and without a secret', () => {
  assert.deepEqual(
    faults(`[a]
timeout = 5 parsecs
enabled = perhaps
secret = hidden!
intervall = 1m
host = %(nothing)s
[b]
secfile = /missing
`),
    [
      'new.conf:2: [a] timeout: "5 parsecs" is not an RFC 3339 duration (try PT5M)',
      'new.conf:3: [a] enabled: "perhaps" is neither true nor false',
      'new.conf:4: [a] secret: is not base64 text (mandos-keygen --password makes it)',
      'new.conf:5: [a] intervall: is not an option (did you mean interval?)',
      'new.conf:6: [a] host: refers to "%(nothing)s", but there is no option "nothing"',
      'new.conf:8: [b] secfile: cannot read /missing',
    ],
  );
  assert.deepEqual(faults(''), ['new.conf: has no section of a client']);
  assert.deepEqual(faults('[DEFAULT]\n'), ['new.conf: has no section of a client']);
});

const NAME = 'web1';
const exported = (properties: Record<string, unknown>) =>
  exportSection({ name: NAME, path: '', properties: new Map(Object.entries(properties)) });

test('an exported section says what the server says, and has no secret', () => {
  assert.equal(
    exported({
      KeyID: 'AB',
      Fingerprint: '',
      Checker: 'ping %(host)s 100%',
      Timeout: 90_000n,
      Enabled: false,
      Secret: 'never',
    }),
    `[web1]
# The secret cannot be read from the server: set it here, as "secret" or "secfile".
key_id = AB
checker = ping %%(host)s 100%%
timeout = PT1M30S
enabled = False
`,
  );
});

test('what a file cannot say is a comment', () => {
  const text = exported({ Timeout: 1500n, Host: ' space', Checker: 'a\n# b' });
  assert.match(text, /^# timeout cannot be written here: 1500$/m);
  assert.match(text, /^# host cannot be written here: {2}space$/m);
  assert.match(text, /^# checker cannot be written here: a\\x0a# b$/m);
});

test('what is exported and added again is the same, whatever the values', () => {
  const random = seededRandom(3);
  const characters = [
    ' ',
    '%',
    '(',
    ')',
    's',
    '\n',
    '#',
    ';',
    '=',
    '[',
    ']',
    'a',
    'é',
    '\t',
    '\x85',
    '\ufeff',
  ];
  for (let i = 0; i < 2000; i++) {
    const length = Math.floor(random() * 10);
    const value = Array.from({ length }, () => pick(random, characters as [string, ...string[]])).join('');
    const ms = BigInt(Math.floor(random() * 1e6)) * pick(random, [1n, 1000n]);
    const text = exported({ Checker: value, Timeout: ms, Enabled: random() < 0.5 });
    const { clients, faults: wrong } = read(text);
    assert.deepEqual(wrong, [], JSON.stringify(value));
    const [client] = clients;
    assert.equal(client?.name, NAME);
    const checker = client?.settings.get('checker')?.value;
    const isComment = text.includes('# checker cannot');
    assert.equal(checker, value === '' || isComment ? undefined : value, JSON.stringify(text));
    const timeout = client?.settings.get('timeout')?.value;
    assert.equal(timeout, text.includes('# timeout cannot') ? undefined : ms);
  }
});

test('what refers to the secret is not shown when it is wrong', () => {
  const shown = faults('[web1]\nkey_id = ab\nsecret = aGVsbG8=\ntimeout = %(secret)s\n');
  assert.equal(shown.length, 1);
  assert.match(shown[0] ?? '', /timeout: has a wrong value, which is not shown as it refers to the secret$/);
});
