import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import { assemble, isTentative } from '../../common/network-interfaces.js';
import type { Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { requires } from '../support/requires.js';

const MODULE = new URL('../../common/network-interfaces.js', import.meta.url).href;
const SCRIPT = `import(${JSON.stringify(MODULE)}).then(({ listInterfaces }) =>
  console.log(JSON.stringify(listInterfaces())));`;

/** What listInterfaces says in the host. */
async function list(host: Host): Promise<Map<string, NetworkInterface>> {
  const { code, stdout, stderr } = await host.run(process.execPath, ['-e', SCRIPT]);
  assert.equal(code, 0, stderr);
  return new Map((JSON.parse(stdout) as NetworkInterface[]).map(each => [each.name, each]));
}

/** What ip(8) says in the host, for comparison. */
async function ip(host: Host, words: string): Promise<string> {
  const { code, stdout, stderr } = await host.run('ip', words.split(' '));
  assert.equal(code, 0, stderr);
  return stdout;
}

test(
  "the interfaces are those of the process's namespace, with all their addresses",
  requires('netns'),
  async t => {
    const lan = await createLan(t, { segments: 2 });
    const host = await lan.host('host', {
      segments: [0, 1],
      addresses: { 1: ['192.0.2.7/24', '2001:db8:0:0:1:0:0:7/64', '169.254.3.4/16'] },
    });
    const found = await list(host);
    assert.deepEqual([...found.keys()].toSorted(), ['eth0', 'eth1', 'lo']);
    const linkLocal = (i: number) => ({
      family: 'ipv6',
      address: host.interfaces[i]?.linkLocal,
      scoped: `${host.interfaces[i]?.linkLocal}%eth${i}`,
      linkLocal: true,
      prefixLength: 64,
      tentative: false,
    });
    assert.deepEqual(found.get('eth0')?.addresses, [linkLocal(0)]);
    const global = { linkLocal: false, tentative: false };
    const v4 = { family: 'ipv4', tentative: false };
    assert.deepEqual(
      found.get('eth1')?.addresses.toSorted((a, b) => a.address.localeCompare(b.address)),
      [
        { ...v4, address: '169.254.3.4', scoped: '169.254.3.4', linkLocal: true, prefixLength: 16 },
        { ...v4, address: '192.0.2.7', scoped: '192.0.2.7', linkLocal: false, prefixLength: 24 },
        {
          ...global,
          family: 'ipv6',
          address: '2001:db8::1:0:0:7',
          scoped: '2001:db8::1:0:0:7',
          prefixLength: 64,
        },
        linkLocal(1),
      ],
    );
    for (const [name, { index }] of found) {
      assert.equal(index, Number.parseInt(await ip(host, `-o link show ${name}`), 10));
    }
  },
);

test('flags tell what the interface is and does', requires('netns'), async t => {
  const lan = await createLan(t);
  const host = await lan.host('host');
  const [cable] = host.interfaces;
  const flags = async (name: string) => {
    const found = (await list(host)).get(name) ?? assert.fail(`no ${name}`);
    return Object.entries(found).flatMap(([key, value]) => (value === true ? [key] : []));
  };
  const ethernet = ['broadcast', 'multicast', 'arp'];
  assert.deepEqual(await flags('eth0'), ['up', 'running', ...ethernet]);
  await cable?.unplug();
  assert.deepEqual(await flags('eth0'), ['up', ...ethernet]);
  await cable?.down();
  assert.deepEqual(await flags('eth0'), ethernet);
  await ip(host, 'link set eth0 arp off');
  assert.deepEqual(await flags('eth0'), ['broadcast', 'multicast']);
  assert.deepEqual(await flags('lo'), ['up', 'running', 'loopback', 'arp']);
});

test(
  'an address with a label belongs to the interface, not to one of the label',
  requires('netns'),
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('host', { ipv6: false });
    await ip(host, 'address add 192.0.2.9/24 dev eth0 label eth0:web');
    const found = await list(host);
    assert.deepEqual([...found.keys()].toSorted(), ['eth0', 'lo']);
    assert.deepEqual(
      found.get('eth0')?.addresses.map(({ address }) => address),
      ['192.0.2.9'],
    );
  },
);

test('an address can be used when it is confirmed, or optimistic, and not when it is another host’s', () => {
  const [permanent, optimistic, tentative, failed] = [0x80, 0xc4, 0xc0, 0xc8];
  assert.deepEqual([permanent, optimistic, tentative, failed, 0xcc].map(isTentative), [
    false,
    false,
    true,
    true,
    true,
  ]);
});

test('an address that is not confirmed yet is told apart', () => {
  const address = Buffer.alloc(28);
  address.writeUInt16LE(10, 0); // AF_INET6
  const bytes = Buffer.from('fe8000000000000000000000000000ab', 'hex');
  bytes.copy(address, 8);
  const row = { name: 'eth0', flags: 0x1043, address, netmask: undefined };
  const key = `${bytes.toString('hex')} eth0`;
  const tentative = (keys: string[]) => assemble([row], new Set(keys))[0]?.addresses[0]?.tentative;
  assert.equal(tentative([key]), true);
  assert.equal(tentative([key.replace('eth0', 'eth1')]), false);
  assert.equal(tentative([]), false);
});
