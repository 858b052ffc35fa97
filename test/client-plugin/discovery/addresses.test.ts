import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInSubnet, isLinkLocal, isUsableAddress } from '../../../client-plugin/discovery/addresses.js';
import type { IpAddress } from '../../../common/network-interfaces.js';

function own(address: string, prefixLength: number): IpAddress {
  return { family: 'ipv4', address, scoped: address, linkLocal: false, prefixLength, tentative: false };
}

test('an IPv4 address is on the link when it is in the subnet', () => {
  assert.equal(isInSubnet('192.0.2.200', own('192.0.2.1', 24)), true);
  assert.equal(isInSubnet('192.0.3.200', own('192.0.2.1', 24)), false);
  assert.equal(isInSubnet('192.0.2.130', own('192.0.2.129', 25)), true);
  assert.equal(isInSubnet('192.0.2.127', own('192.0.2.129', 25)), false);
  assert.equal(isInSubnet('203.0.113.1', own('192.0.2.1', 0)), true);
  assert.equal(isInSubnet('fe80::1%eth0', own('192.0.2.1', 24)), false);
  assert.equal(isInSubnet('192.0.2.1', { ...own('192.0.2.1', 24), family: 'ipv6' }), false);
});

test('link-local is fe80::/10, with or without a scope', () => {
  for (const address of ['fe80::1', 'FE80::1%eth0', 'febf::1'])
    assert.equal(isLinkLocal(address), true, address);
  for (const address of ['fec0::1', 'fe8::1', '2001:db8::1', '169.254.0.1']) {
    assert.equal(isLinkLocal(address), false, address);
  }
});

test("addresses that cannot be another machine's are not usable", () => {
  for (const address of ['fe80::1', 'fd00::1', '10.0.0.1', '169.254.3.4', '223.255.255.254']) {
    assert.equal(isUsableAddress(address), true, address);
  }
  for (const address of [
    '::',
    '::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '127.1.2.3',
    '0.0.0.0',
    '239.1.1.1',
    '255.255.255.255',
    'x',
    '',
  ]) {
    assert.equal(isUsableAddress(address), false, address);
  }
});
