import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkMatcher, parseNetworks } from '../../../server/config/networks.js';

function matcher(text: string): (address: string) => boolean {
  const parsed = parseNetworks(text);
  assert.ok('value' in parsed);
  return networkMatcher(parsed.value);
}

test('an address is in a network whatever way it is written', () => {
  const isInside = matcher('192.0.2.0/24, fe80::/10 2001:db8::7');
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', 'fe80::1%eth0', 'FE80::1', '2001:db8:0::7']) {
    assert.equal(isInside(address), true, address);
  }
  for (const address of ['192.0.3.9', '::ffff:192.0.3.9', '2001:db8::8', '::1', '::192.0.2.9', 'unknown']) {
    assert.equal(isInside(address), false, address);
  }
});

test('an empty list has nobody in it', () => {
  assert.equal(matcher('')('192.0.2.9'), false);
});

test('a network begins with its first address', () => {
  for (const text of [
    '10.0.0.0/24',
    '10.0.0.128/25',
    '0.0.0.0/0',
    '10.0.0.1/32',
    '10.0.0.1',
    '2001:db8::/32',
  ]) {
    assert.ok('value' in parseNetworks(text), text);
  }
  for (const text of [
    'fe80::/10',
    '::/0',
    '::1/128',
    '1:2:3:4:5:6:7:8',
    '64:ff9b::192.0.2.0/120',
    '8000::/1',
  ]) {
    assert.ok('value' in parseNetworks(text), text);
  }
  for (const text of [
    '10.0.0.1/24',
    '10.0.0.128/24',
    '2001:db8::1/32',
    '64:ff9b::192.0.2.1/120',
    'fe80::/8',
  ]) {
    assert.ok('problem' in parseNetworks(text), text);
  }
});
