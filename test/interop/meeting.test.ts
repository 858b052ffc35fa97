import { test } from 'node:test';
import { createLan } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import type { Program } from './scene.js';
import { ask, assertUnlocks, connectTo, MEETING, PASSWORD, serve, twoHosts } from './scene.js';

/** Every pair that has one of this project's programs in it. */
const PAIRS: [server: Program, client: Program][] = [
  ['ours', 'original'],
  ['original', 'ours'],
  ['ours', 'ours'],
];

for (const [server, client] of PAIRS) {
  for (const avahi of server === 'ours' ? [true, false] : [true]) {
    const how = avahi ? 'through Avahi' : 'without Avahi';
    test(
      `server ${server}, client ${client}: found by Zeroconf ${how}, link-local only`,
      MEETING,
      async t => {
        const hosts = await twoHosts(t);
        const keys = await makeKeys(hosts.lan.directory, 'client1', PASSWORD);
        await serve(server, hosts.server, keys.section, { avahi });
        await assertUnlocks(ask(client, hosts.client, keys.keys, ['--interface=eth0']));
        // Without the option the interface is found as well.
        await assertUnlocks(ask(client, hosts.client, keys.keys));
      },
    );
  }

  test(`server ${server}, client ${client}: by --connect to a link-local address`, MEETING, async t => {
    const hosts = await twoHosts(t);
    const keys = await makeKeys(hosts.lan.directory, 'client1', PASSWORD);
    const port = server === 'original' ? ['--port=4711'] : ['--port=0'];
    const running = await serve(server, hosts.server, keys.section, {
      args: ['--no-zeroconf', ...port],
    });
    await assertUnlocks(ask(client, hosts.client, keys.keys, connectTo(hosts.server, running.port)));
  });

  test(`server ${server}, client ${client}: the server is on the second interface`, MEETING, async t => {
    const lan = await createLan(t, { segments: 2 });
    const serverHost = await lan.host('server', { segments: [1] });
    const clientHost = await lan.host('client', { segments: [0, 1] });
    const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
    await serve(server, serverHost, keys.section);
    await assertUnlocks(ask(client, clientHost, keys.keys));
  });

  test(
    `server ${server}, client ${client}: one of two servers does not know the client`,
    MEETING,
    async t => {
      const { lan, ...hosts } = await twoHosts(t);
      const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
      const others = await makeKeys(lan.directory, 'other', 'other password');
      const stranger = await lan.host('stranger');
      const { child } = await serve(server, stranger, others.section);
      await serve(server, hosts.server, keys.section);
      const asking = ask(client, hosts.client, keys.keys, ['--interface=eth0']);
      await assertUnlocks(asking);
      // Names collide: both are "Mandos" by default, and one of them must have made way.
      await child.stop();
      await assertUnlocks(ask(client, hosts.client, keys.keys, ['--interface=eth0']));
    },
  );

  test(`server ${server}, client ${client}: the server starts after the client`, MEETING, async t => {
    const hosts = await twoHosts(t);
    const keys = await makeKeys(hosts.lan.directory, 'client1', PASSWORD);
    const asking = ask(client, hosts.client, keys.keys, ['--interface=eth0', '--debug']);
    await asking.waitForOutput(
      client === 'ours' ? /looking for servers on eth0/ : /Starting Avahi loop search/i,
    );
    await serve(server, hosts.server, keys.section);
    const { code } = await asking.waitForExit();
    if (code !== 0 || !asking.stdoutBytes.equals(Buffer.from(PASSWORD))) throw new Error(asking.tail());
  });
}

test('two of our servers of one name, with and without Avahi, are both found', MEETING, async t => {
  const { lan, client, server } = await twoHosts(t);
  const second = await lan.host('second');
  const [one, two] = [
    await makeKeys(lan.directory, 'one', 'first'),
    await makeKeys(lan.directory, 'two', 'second'),
  ];
  await serve('ours', server, one.section, { avahi: true });
  const { child } = await serve('ours', second, two.section);
  await child.waitForOutput(/advertised as "Mandos #2"/);
  await assertUnlocks(ask('ours', client, one.keys), 'first');
  await assertUnlocks(ask('ours', client, two.keys), 'second');
  await assertUnlocks(ask('original', client, two.keys, ['--interface=eth0']), 'second');
});

test('a server bound to an interface serves there and not elsewhere', MEETING, async t => {
  const lan = await createLan(t, { segments: 2 });
  const server = await lan.host('server', { segments: [0, 1] });
  const [near, far] = [await lan.host('near', { segments: [1] }), await lan.host('far', { segments: [0] })];
  const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
  const { child, port } = await serve('ours', server, keys.section, { args: ['--interface=eth1'] });
  await child.waitForOutput(/advertised as "Mandos" on eth1/);
  await assertUnlocks(ask('ours', near, keys.keys));
  const [elsewhere] = server.interfaces;
  const refused = ask('ours', far, keys.keys, [`--connect=${elsewhere?.linkLocal ?? ''}:${port}`]);
  await refused.waitForOutput(/connection refused/);
  await refused.stop();
});

test('a server bound to an interface that does not exist says so and serves on all', MEETING, async t => {
  const { lan, server, client } = await twoHosts(t);
  const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
  const { child, port } = await serve('ours', server, keys.section, {
    args: ['--interface=eth7', '--no-zeroconf', '--port=0'],
  });
  await child.waitForOutput(
    /error: cannot listen on interface eth7 only, so on all: there is no such interface/,
  );
  await assertUnlocks(ask('ours', client, keys.keys, connectTo(server, port)));
});

test('where there is only IPv4, server and client use that', MEETING, async t => {
  const lan = await createLan(t);
  const ipv4 = (last: number) => ({ ipv6: false, addresses: { 0: [`192.0.2.${last}/24`] } });
  const server = await lan.host('server', ipv4(1));
  const client = await lan.host('client', ipv4(2));
  const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
  const { port } = await serve('ours', server, keys.section, { args: ['--no-ipv6'] });
  await assertUnlocks(ask('ours', client, keys.keys));
  await assertUnlocks(ask('ours', client, keys.keys, [`--connect=192.0.2.1:${port}`]));
});

test(
  '--server adds a server to those that are found; --connect may be given several times',
  MEETING,
  async t => {
    const { lan, server, client } = await twoHosts(t);
    const other = await lan.host('other');
    const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
    const strangers = await makeKeys(lan.directory, 'stranger', 'x');
    const silent = ['--no-zeroconf', '--port=0'];
    const knows = await serve('ours', server, keys.section, { args: silent });
    const refuses = await serve('ours', other, strangers.section);
    const [there, elsewhere] = [server, other].map(host => host.interfaces[0]?.linkLocal ?? '');
    const asking = ask('ours', client, keys.keys, [`--server=${there}:${knows.port}`]);
    await assertUnlocks(asking);
    const direct = [`--connect=${elsewhere}:${refuses.port}`, `--connect=[${there}%eth0]:${knows.port}`];
    await assertUnlocks(ask('ours', client, keys.keys, direct));
  },
);

test(
  'without a carrier the client says so after --delay, and finds the server when the cable is in',
  MEETING,
  async t => {
    const { lan, server, client } = await twoHosts(t);
    const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
    await serve('ours', server, keys.section);
    const [cable] = client.interfaces;
    await cable?.unplug();
    const asking = ask('ours', client, keys.keys, ['--delay=0.5']);
    await asking.waitForOutput(/warning: interface eth0 has no carrier/);
    await cable?.plug();
    await assertUnlocks(asking);
  },
);
