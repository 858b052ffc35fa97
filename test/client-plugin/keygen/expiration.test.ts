import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lifetimeSeconds, parseExpiration } from '../../../client-plugin/keygen/expiration.js';
import { requires } from '../../support/requires.js';
import { gpgWithHome } from './keygen.js';

const NOW_MS = new Date(2030, 0, 1, 18).getTime();
const lifetime = (text: string) => lifetimeSeconds(parseExpiration(text), NOW_MS);

test('never is 0, none and never', () => {
  for (const text of ['0', 'none', 'never', '0y']) assert.equal(lifetime(text), 0, text);
});

test('a date in the past or beyond what OpenPGP can say is refused', () => {
  assert.equal(lifetime('2030-01-02'), 18 * 3600);
  assert.throws(() => lifetime('2030-01-01'), /--expire: .*not in the future/);
  assert.throws(() => lifetime('2999-01-01'), /--expire: .*too far away/);
});

test('other texts are refused with examples', () => {
  for (const text of ['', 'soon', '1x', '-1', '1.5', '2d2', '2030-13-01', '999999999y', '1 y']) {
    assert.throws(() => lifetime(text), /--expire: .*try/, text);
  }
});

test('gpg gives a key the same lifetime', requires('gpg'), t => {
  // A day's noon is local time.
  const zone = process.env['TZ'];
  process.env['TZ'] = 'America/New_York';
  t.after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  const gpg = gpgWithHome(t);
  for (const text of ['5', '5d', '1w', '2m', '3Y', '2040-12-31']) {
    gpg(['--passphrase=', '--quick-generate-key', `expires-${text}`, 'ed25519', 'sign', text]);
    const listing = gpg(['--list-keys', '--with-colons', `expires-${text}`]).toString();
    const [, created, expires] = /^pub:(?:[^:]*:){4}(\d+):(\d+):/m.exec(listing) ?? [];
    const seconds = lifetimeSeconds(parseExpiration(text), Number(created) * 1000);
    assert.equal(seconds, Number(expires) - Number(created), text);
  }
});
