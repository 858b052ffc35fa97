import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MAX_INSTANCES } from '../../../client-plugin/discovery/service-resolver.js';
import type { Target } from '../../../client-plugin/server-tries.js';
import type { Child } from '../../support/child.js';
import type { Host, HostOptions } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import {
  startAvahi,
  startBus,
  startRealMandos,
  waitForRealMandosAnnounced,
  writeServerConfig,
} from '../../support/peers.js';
import { requires } from '../../support/requires.js';

const needs = requires('root', 'ip', 'dbus', 'avahi', 'mandos');

function startNode(host: Host, script: string, args: string[] = []): Child {
  return host.spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args]);
}

/** Looks for servers on a host. */
function look(host: Host, ...interfaces: string[]): Child {
  return startNode(host, 'print-servers.js', interfaces);
}

/** What it has found at last: the places of each server. */
function latest(looking: Child): Target[][] {
  const whole = looking.stdout.split('\n').slice(0, -1);
  return JSON.parse(whole.at(-1) ?? '[]') as Target[][];
}

/** Waits for a state of what is found. */
async function until(looking: Child, reached: (servers: Target[][]) => boolean): Promise<Target[][]> {
  while (!reached(latest(looking))) {
    await looking.waitForOutput(/\n/, undefined, looking.output.length);
  }
  return latest(looking);
}

async function startServer(host: Host, args: string[] = []): Promise<{ child: Child; port: number }> {
  await startBus(host);
  await startAvahi(host);
  return await startRealMandos(host, { configDirectory: writeServerConfig(host, ''), args });
}

/** A server, the original's, and a client on the same segments. */
async function network(t: TestContext, options: HostOptions = {}, clientOptions: HostOptions = options) {
  const segments = Math.max(...(options.segments ?? [0])) + 1;
  const lan = await createLan(t, { segments });
  return { lan, server: await lan.host('server', options), client: await lan.host('client', clientOptions) };
}

test(
  'a server of the original is found on both of two links, by the address that it has on each',
  needs,
  async t => {
    const { server, client } = await network(t, { segments: [0, 1] });
    const { child, port } = await startServer(server);
    await waitForRealMandosAnnounced(child);
    const found = await until(look(client), servers => servers.length === 2);
    const places = found.flat().map(({ host, port: at, label }) => `${label} ${host} ${at}`);
    assert.deepEqual(
      places.toSorted(),
      server.interfaces.map((link, i) => `Mandos ${link.linkLocal}%eth${i} ${port}`).toSorted(),
    );
  },
);

test('with --interface servers are looked for on that one only', needs, async t => {
  const { server, client } = await network(t, { segments: [0, 1] });
  const { child } = await startServer(server);
  await waitForRealMandosAnnounced(child);
  const looking = look(client, 'eth1');
  const found = await until(looking, servers => servers.length > 0);
  assert.deepEqual(
    found.map(([target]) => target?.host.split('%')[1]),
    ['eth1'],
  );
  assert.match(looking.output, /looking for servers on eth1\n/);
});

test('a server that starts later is found, and one that stops is let go', needs, async t => {
  const { server, client } = await network(t);
  const looking = look(client);
  await looking.waitForOutput(/looking for servers on eth0/);
  const { child, port } = await startServer(server, ['--servicename=Märchen on web.example.com #1']);
  const found = await until(looking, servers => servers.length > 0);
  assert.equal(found[0]?.[0]?.label, 'Märchen on web.example.com #1');
  assert.equal(found[0][0].port, port);
  await child.stop();
  await until(looking, servers => servers.length === 0);
});

test('over IPv4 alone a server is found too', needs, async t => {
  const addresses = (last: number): HostOptions => ({
    ipv6: false,
    addresses: { 0: [`192.0.2.${last}/24`] },
  });
  const { server, client } = await network(t, addresses(1), addresses(2));
  const { child } = await startServer(server, ['--no-ipv6']);
  await waitForRealMandosAnnounced(child);
  const found = await until(look(client), servers => servers.length > 0);
  assert.equal(found[0]?.[0]?.host, '192.0.2.1');
});

test('an interface that is made after the start, removed and made anew is followed', needs, async t => {
  const { server, client } = await network(t);
  const link = client.interfaces[0] ?? assert.fail();
  await link.remove();
  const { child } = await startServer(server);
  await waitForRealMandosAnnounced(child);
  const looking = look(client);
  for (let i = 0; i < 2; i++) {
    await link.create();
    await until(looking, servers => servers.length === 1);
    await link.remove();
    await until(looking, servers => servers.length === 0);
  }
  assert.deepEqual(await looking.stop(), { code: 0, signal: null }, 'no socket or timer is left');
});

test('an interface without a carrier is taken when it gets one', needs, async t => {
  const { server, client } = await network(t);
  const link = client.interfaces[0] ?? assert.fail();
  await link.unplug();
  const { child } = await startServer(server);
  await waitForRealMandosAnnounced(child);
  const looking = look(client);
  await looking.waitForOutput(/^\[\]$/m);
  await link.plug();
  await until(looking, servers => servers.length === 1);
});

test('an announcement is heard without a question', needs, async t => {
  const { server, client } = await network(t);
  const looking = look(client);
  await looking.waitForOutput(/looking for servers on eth0/);
  await looking.waitForOutput(/^\[\]$/m);
  await startNode(server, 'speaker.js', ['announce']).waitForOutput(/done/);
  const found = await until(looking, servers => servers.length > 0);
  assert.equal(found[0]?.[0]?.label, 'announced');
});

test(
  'of one-shot questions none has answers that are known, which Avahi would not reply to',
  needs,
  async t => {
    const { server, client } = await network(t);
    const looking = look(client);
    await looking.waitForOutput(/^\[\]$/m);
    const neighbour = startNode(server, 'speaker.js', ['overhear']);
    await neighbour.waitForOutput(/announced/);
    await until(looking, servers => servers.length === 1);
    await neighbour.waitForOutput(/^group PTR 1$/m);
    await neighbour.waitForOutput(/^one-shot PTR 0$/m);
    assert.doesNotMatch(neighbour.stdout, /^one-shot .* [1-9]/m);
  },
);

test('a server under another name is the same server', needs, async t => {
  const { server, client } = await network(t);
  const looking = look(client);
  await looking.waitForOutput(/^\[\]$/m);
  await startNode(server, 'speaker.js', ['names']).waitForOutput(/done/);
  const found = await until(looking, servers => servers.some(([target]) => target?.label === 'last'));
  assert.deepEqual(
    found.map(([target]) => target?.label),
    ['one', 'last'],
  );
});

test('hostile packets change nothing: servers are found during and after them', needs, async t => {
  const { lan, server, client } = await network(t);
  const attacker = await lan.host('attacker');
  const looking = look(client);
  await looking.waitForOutput(/looking for servers on eth0/);
  await startNode(attacker, 'speaker.js', ['malformed']).waitForOutput(/done/);
  await startNode(attacker, 'speaker.js', ['wrong-port']).waitForOutput(/done/);
  const { child } = await startServer(server);
  const found = await until(looking, servers => servers.length > 0);
  assert.deepEqual(
    found.map(([target]) => target?.label),
    ['Mandos'],
  );
  // The kernel drops what comes faster than it is read: another flood brings what is missing.
  for (let floods = 0; floods < 10 && latest(looking).length < MAX_INSTANCES; floods++)
    await startNode(attacker, 'speaker.js', ['flood']).waitForOutput(/done/);
  const flooded = await until(looking, servers => servers.length === MAX_INSTANCES);
  assert.equal(flooded[0]?.[0]?.label, 'Mandos', 'what was found before stays');
  // A goodbye is said once: it must not come while the rest of the flood fills the socket and the rate.
  await sleep(3000);
  await child.stop();
  await until(looking, servers => servers[0]?.[0]?.label !== 'Mandos');
  assert.ok(latest(looking).length <= MAX_INSTANCES);
});

test(
  'packets that take long to decode are not read, and during a flood of them a server is found',
  needs,
  async t => {
    const { lan, server, client } = await network(t);
    const attacker = await lan.host('attacker');
    await startNode(attacker, 'speaker.js', ['chains']).waitForOutput(/begun/);
    const looking = look(client);
    await looking.waitForOutput(/looking for servers on eth0/);
    await startServer(server);
    const found = await until(looking, servers => servers.length > 0);
    assert.equal(found[0]?.[0]?.label, 'Mandos');
    assert.doesNotMatch(looking.output, /forged/);
  },
);

test('beside a responder that shares its port with nobody servers are found by asking', needs, async t => {
  const { server, client } = await network(t);
  const { child } = await startServer(server);
  await waitForRealMandosAnnounced(child);
  await startBus(client);
  await startAvahi(client, { config: ['disallow-other-stacks=yes'] });
  const looking = look(client);
  const found = await until(looking, servers => servers.length > 0);
  assert.equal(found[0]?.[0]?.host, `${server.interfaces[0]?.linkLocal}%eth0`);
  assert.match(
    looking.output,
    /no announcements are heard on eth0 over ipv6, only answers: address already in use/,
  );
});
