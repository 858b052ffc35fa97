import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAddedClient } from '../../server/added-client.js';
import type { SettingValue } from '../../server/control/controlled-server.js';

const KEY_ID = 'AB'.repeat(32);
/** Begins as an OpenPGP packet does. */
const SECRET = Uint8Array.of(0xc1, 1, 2, 3);
const NEEDED: Readonly<Record<string, SettingValue>> = { key_id: KEY_ID, secret: SECRET, host: 'web1' };

const read = (values: Readonly<Record<string, SettingValue>>, name = 'web1') =>
  readAddedClient(name, new Map(Object.entries(values)));

function problems(values: Readonly<Record<string, SettingValue>>, name?: string): readonly string[] {
  const added = read(values, name);
  return 'problems' in added ? added.problems : assert.fail('nothing is wrong with it');
}

test('a client that is added has the built-in defaults of clients.conf', () => {
  const added = read(NEEDED);
  assert.ok('settings' in added);
  assert.deepEqual(added.warnings, []);
  assert.deepEqual(
    { ...added.settings, secret: Uint8Array.from(added.settings.secret) },
    {
      name: 'web1',
      keyId: KEY_ID.toLowerCase(),
      fingerprint: undefined,
      secret: SECRET,
      host: 'web1',
      checker: 'fping -q -- %(host)s',
      timeoutMs: 300_000,
      extendedTimeoutMs: 900_000,
      intervalMs: 120_000,
      approvalDelayMs: 0,
      approvalDurationMs: 1000,
      approvedByDefault: true,
      enabled: true,
      releaseCheck: 'warn',
      maxReleases: 0,
      releaseWindow: '',
    },
  );
});

test('settings are taken in their own types and as the texts of clients.conf', () => {
  const typed = read({ ...NEEDED, timeout: 1500, approval_delay: 0, enabled: false, interval: 1 });
  const texts = read({
    ...NEEDED,
    secret: 'wQECAw==',
    timeout: '1m 1s',
    approval_delay: 'PT5M',
    enabled: 'no',
  });
  assert.ok('settings' in typed && 'settings' in texts);
  assert.equal(typed.settings.timeoutMs, 1500);
  assert.equal(typed.settings.intervalMs, 1);
  assert.equal(typed.settings.enabled, false);
  assert.deepEqual(Uint8Array.from(texts.settings.secret), SECRET);
  assert.equal(texts.settings.timeoutMs, 61_000);
  assert.equal(texts.settings.approvalDelayMs, 300_000);
  assert.equal(texts.settings.enabled, false);
});

test('max_releases is taken as a number and as a text', () => {
  for (const max_releases of [3, '3']) {
    const added = read({ ...NEEDED, max_releases });
    assert.ok('settings' in added);
    assert.equal(added.settings.maxReleases, 3);
  }
});

test('texts are as after start-time expansion', () => {
  const added = read({ ...NEEDED, checker: 'test %(host)s = 100%%', host: '%(name)s' });
  assert.ok('settings' in added);
  assert.equal(added.settings.checker, 'test %(host)s = 100%%');
  assert.equal(added.settings.host, '%(name)s');
});

test('all that is wrong is said at once, without anything of a secret', () => {
  const all = problems({ key_id: 'xyz', secret: 'top secret!', timeout: 'soon', interval: 0, hots: 'web1' });
  const text = all.join('\n');
  for (const key of ['key_id', 'secret', 'timeout', 'interval'])
    assert.match(text, new RegExp(`^${key}: `, 'm'));
  assert.match(text, /^hots: is not an option of a client \(did you mean host\?\)$/m);
  assert.doesNotMatch(text, /top|!/);
});

test('a setting of the wrong type, a secfile and a bad checker are refused', () => {
  assert.deepEqual(problems({ ...NEEDED, host: 5 }), ['host: is no duration, and was sent as a number']);
  assert.deepEqual(problems({ ...NEEDED, host: true }), [
    'host: is neither true nor false, and was sent as that',
  ]);
  assert.deepEqual(problems({ ...NEEDED, host: SECRET }), ['host: is no secret, and was sent as bytes']);
  assert.match(problems({ key_id: KEY_ID, secfile: '/etc/shadow' }).join('\n'), /^secfile: is not read/m);
  assert.match(
    problems({ ...NEEDED, checker: '%(hots)s' }).join('\n'),
    /^checker: "%\(hots\)s" names nothing/m,
  );
  assert.match(problems({ ...NEEDED, checker: '50% off' }).join('\n'), /^checker: has a "%".*write "%%"/m);
});

test('a client needs a key, a secret, and a name that can stand in clients.conf', () => {
  const missing = problems({}).join('\n');
  assert.match(missing, /needs a key_id/);
  assert.match(missing, /needs a secret/);
  assert.match(problems(NEEDED, '').join('\n'), /needs a name/);
  assert.match(problems(NEEDED, 'DEFAULT').join('\n'), /DEFAULT/);
  assert.match(problems(NEEDED, 'a\nb').join('\n'), /control character/);
  assert.match(problems(NEEDED, 'a'.repeat(256)).join('\n'), /255/);
});

test('what clients.conf warns of is no problem', () => {
  const added = read({ ...NEEDED, secret: 'AAAA', host: '' });
  assert.ok('settings' in added);
  assert.equal(added.warnings.length, 2, added.warnings.join('\n'));
});
