import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLinkLocal, isLoopback } from '../../common/ip-address.js';

test('link-local addresses are those of fe80::/10, however they are written', () => {
  for (const address of ['fe80::1', 'FE80:0:0::1', 'febf:ffff::1', 'fe9a::']) {
    assert.equal(isLinkLocal(address), true, address);
  }
  for (const address of ['fe8::1', 'fea::', 'fec0::1', '::fe80', '2001:db8::1', '169.254.1.1']) {
    assert.equal(isLinkLocal(address), false, address);
  }
});

test('loopback addresses are ::1 and 127.0.0.0/8, also as an IPv6 address', () => {
  for (const address of ['::1', '0:0:0:0:0:0:0:1', '127.0.0.1', '127.9.9.9', '::ffff:127.0.0.2']) {
    assert.equal(isLoopback(address), true, address);
  }
  for (const address of ['::', '0.0.0.0', '::2', '128.0.0.1', '::ffff:192.0.2.1', '2001:db8::1']) {
    assert.equal(isLoopback(address), false, address);
  }
});
