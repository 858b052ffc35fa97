import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkInterface } from '../../../common/network-interfaces.js';
import type { Service } from '../../../server/discovery/advertiser.js';
import { whyNowhere, wantedLinks } from '../../../server/discovery/embedded.js';
import { ethernet, ipAddress } from '../../support/interfaces.js';

const service: Service = { name: 'Mandos', port: 4711, family: 'any' };

const LINK_LOCAL = ipAddress('fe80::1');
const eth0 = ethernet('eth0', {
  addresses: [ipAddress('2001:db8::1'), LINK_LOCAL, ipAddress('192.0.2.1')],
});

function links(change: Partial<NetworkInterface>, of: Partial<Service> = {}): string[] {
  const found = wantedLinks({ ...service, ...of }, [{ ...eth0, ...change }]);
  return found.map(({ family, addresses }) => `${family}: ${addresses.map(one => one.address).join(' ')}`);
}

test('an interface is used over IPv6 and IPv4, and tells all its addresses, link-local ones first', () => {
  assert.deepEqual(links({}), ['ipv6: fe80::1 2001:db8::1 192.0.2.1', 'ipv4: fe80::1 2001:db8::1 192.0.2.1']);
});

test('loopback, point-to-point, interfaces without multicast or carrier, and other ones are left alone', () => {
  assert.deepEqual(links({ loopback: true }), []);
  assert.deepEqual(links({ pointToPoint: true }), []);
  assert.deepEqual(links({ multicast: false }), []);
  assert.deepEqual(links({ running: false }), []);
  assert.deepEqual(links({}, { interface: 'eth1' }), []);
});

test('a tentative address is not used yet', () => {
  assert.deepEqual(links({ addresses: [ipAddress('fe80::1', true)] }), []);
  assert.deepEqual(links({ addresses: [ipAddress('fe80::1', true), ipAddress('192.0.2.1')] }), [
    'ipv4: 192.0.2.1',
  ]);
  assert.deepEqual(links({ addresses: [LINK_LOCAL, ipAddress('2001:db8::1', true)] }), ['ipv6: fe80::1']);
});

test('family ipv4 uses and tells IPv4 only', () => {
  assert.deepEqual(links({}, { family: 'ipv4' }), ['ipv4: 192.0.2.1']);
  assert.deepEqual(links({ addresses: [LINK_LOCAL] }, { family: 'ipv4' }), []);
});

test('the one address of a service is told alone, and only where it is', () => {
  assert.deepEqual(links({}, { address: '192.0.2.1' }), ['ipv6: 192.0.2.1', 'ipv4: 192.0.2.1']);
  assert.deepEqual(links({}, { address: '192.0.2.2' }), []);
});

test('a host with very many addresses tells sixteen', () => {
  const many = Array.from({ length: 100 }, (_, i) => ipAddress(`2001:db8::${i}`));
  const [link] = wantedLinks(service, [{ ...eth0, addresses: [...many, LINK_LOCAL] }]);
  assert.equal(link?.addresses.length, 16);
  assert.equal(link?.addresses[0], LINK_LOCAL);
});

test('an interface created again, or with another first IPv4 address, is another link', () => {
  const keys = (change: Partial<NetworkInterface>) =>
    wantedLinks(service, [{ ...eth0, ...change }]).map(({ key }) => key);
  const [ipv6, ipv4] = keys({});
  assert.notEqual(keys({ index: 3 })[0], ipv6);
  const [sameIpv6, otherIpv4] = keys({ addresses: [LINK_LOCAL, ipAddress('192.0.2.7')] });
  assert.equal(sameIpv6, ipv6);
  assert.notEqual(otherIpv4, ipv4);
});

test('what is said of a service that is advertised nowhere is what is wrong with its interfaces', () => {
  const why = (of: Partial<Service>, change: Partial<NetworkInterface> = {}) =>
    whyNowhere({ ...service, ...of }, [{ ...eth0, ...change }]);
  assert.equal(why({}, { running: false }), 'no network interface is up and has an address that can be used');
  const address = '192.0.2.2';
  assert.equal(why({ address }), 'no network interface that is up has the address 192.0.2.2');
  const onEth0 = { interface: 'eth0' };
  assert.equal(why({ interface: 'eth1' }), 'there is no interface eth1');
  assert.equal(why(onEth0, { loopback: true }), 'eth0 is a loopback or point-to-point interface');
  assert.equal(why(onEth0, { pointToPoint: true }), 'eth0 is a loopback or point-to-point interface');
  assert.equal(why(onEth0, { multicast: false }), 'eth0 is an interface without multicast');
  assert.equal(why(onEth0, { running: false }), 'eth0 is down or has no carrier');
  assert.equal(why(onEth0, { addresses: [] }), 'eth0 has no address that can be used');
  assert.equal(why({ ...onEth0, address }), 'eth0 does not have the address 192.0.2.2');
});
