import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressUnit, isOnLink } from '../../../server/release/address-unit.js';

test('what counts as one peer', () => {
  const units = {
    '192.0.2.7': '192.0.2.7',
    '::ffff:192.0.2.7': '192.0.2.7',
    '::FFFF:192.0.2.7': '192.0.2.7',
    'fe80::1%eth0': 'fe80::1%eth0',
    'febf::1%eth1': 'febf::1%eth1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:db8:1:2::6': '2001:db8:1:2::/64',
    '2001:db8::6': '2001:db8:0:0::/64',
    '2001:db8::2:3:4:5:6': '2001:db8:0:2::/64',
    '2001::1:2:3:4:5:6': '2001:0:1:2::/64',
    '::1': '0:0:0:0::/64',
    '::1:2:3:4:5:6:7': '0:1:2:3::/64',
    '64:ff9b::192.0.2.7': '64:ff9b:0:0::/64',
    'fe8::1': 'fe8:0:0:0::/64',
    unknown: 'unknown',
  };
  for (const [address, unit] of Object.entries(units)) assert.equal(addressUnit(address), unit, address);
});

test('which addresses are of the same link', () => {
  for (const address of ['fe80::1%eth0', 'FEBF::1', '169.254.3.4', '::ffff:169.254.3.4']) {
    assert.equal(isOnLink(address), true, address);
  }
  for (const address of [
    'fec0::1',
    'fe8::1',
    '192.0.2.7',
    '::ffff:192.0.2.7',
    '::1',
    '127.0.0.1',
    'unknown',
  ]) {
    assert.equal(isOnLink(address), false, address);
  }
});
