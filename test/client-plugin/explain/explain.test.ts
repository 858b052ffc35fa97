import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { mandosClientPlugin } from '../../../client-plugin/run-client.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { createLog } from '../../../common/log.js';
import type { Host, HostOptions } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import type { Keys } from '../../support/programs.js';
import { keyFileOptions, makeKeys, MANDOS_CLIENT, startServer } from '../../support/programs.js';
import { requires } from '../../support/requires.js';

const NETWORK = requires('netns');
const PASSWORD = 'correct horse battery';

/** A server that is announced, and a client that asks what is in its way. */
async function createScene(t: TestContext, clientHost: HostOptions = {}) {
  const lan = await createLan(t);
  const serverHost = await lan.host('server');
  const client = await lan.host('client', clientHost);
  const keys = await makeKeys(lan.directory, 'web1', PASSWORD);
  return {
    lan,
    client,
    keys,
    serve: async (clientsConf: string, args: readonly string[] = [], mandosConf = '') => {
      const server = await startServer(serverHost, { clientsConf, args, mandosConf });
      if (!args.includes('--no-zeroconf')) await server.child.waitForOutput(/advertised as "Mandos" on eth0/);
      return { ...server, connect: connectTo(serverHost, server.port) };
    },
    connect: (port: number) => connectTo(serverHost, port),
    explain: (...args: string[]) => explainOn(client, keys, args),
  };
}

function connectTo(host: Host, port: number): string {
  return `--connect=[${host.interfaces[0]?.linkLocal ?? ''}]:${port}`;
}

async function explainOn(host: Host, { keys }: Keys, args: readonly string[]) {
  const child = host.spawn(process.execPath, [MANDOS_CLIENT, '--explain', ...keyFileOptions(keys), ...args]);
  const { code } = await child.waitForExit();
  assert.ok(!child.output.includes(PASSWORD), 'the password is never shown');
  return { status: code, text: child.output.replace(/\s+/g, ' '), output: child.output };
}

type Explained = Awaited<ReturnType<typeof explainOn>>;

/** That the last sentence names this. */
function assertFirst({ status, text, output }: Explained, pattern: RegExp): void {
  const [, sentence = ''] = /First in the way: (.*)$/.exec(text) ?? [];
  assert.match(sentence, pattern, output);
  assert.equal(status, 1, output);
}

function keyIdOf({ keys }: Keys): string {
  const der = createPublicKey(readFileSync(join(keys, 'tls-pubkey.pem'))).export({
    type: 'spki',
    format: 'der',
  });
  return createHash('sha256').update(der).digest('hex').toUpperCase();
}

test('a machine that gets its password has nothing in the way', NETWORK, async t => {
  const { keys, serve, explain } = await createScene(t);
  const { child } = await serve(keys.section);
  const { status, text, output } = await explain();
  assert.equal(status, 0, output);
  assert.match(text, new RegExp(`ok the TLS keys belong together; key_id = ${keyIdOf(keys)} `));
  assert.match(text, /ok the OpenPGP key can be used: [0-9A-F]{16}, [0-9A-F]{16} /);
  assert.match(text, /ok eth0 is used, with fe80::\S+ ok lo is not used: it is loopback /);
  assert.match(text, /asked, as at a boot: one that gives the password counts a release\. Servers /);
  assert.match(
    text,
    /ok "Mandos" at fe80::\S+%eth0 port \d+ takes the connection ok the TLS handshake succeeds/,
  );
  assert.match(text, new RegExp(`ok it knows this machine, and sends a message of ${keys.bytes} bytes `));
  assert.match(text, /ok the message decrypts with the OpenPGP key Nothing is in the way\. $/);
  await child.waitForOutput(/released|sent/);
});

test('key files that are missing or do not belong together are in the way', NETWORK, async t => {
  const { lan, keys, explain } = await createScene(t);
  const other = await makeKeys(lan.directory, 'web2', PASSWORD);
  const file = (name: string, of = keys) => join(of.keys, name);
  copyFileSync(file('tls-pubkey.pem', other), file('tls-pubkey.pem'));
  const explained = await explain();
  assertFirst(explained, /tls-pubkey\.pem does not belong to \S+tls-privkey\.pem; restore the one that does/);
  assert.match(explained.text, /\? servers cannot be asked without all keys/);
  rmSync(file('tls-pubkey.pem'));
  assertFirst(await explain(), /cannot read the key file \S+tls-pubkey\.pem: no such file or directory/);
  copyFileSync(file('tls-privkey.pem'), file('seckey.txt'));
  assert.match((await explain()).text, /PROBLEM \S+seckey\.txt is not an OpenPGP secret key/);
});

test('network interfaces that cannot be used are in the way', NETWORK, async t => {
  const { client, explain } = await createScene(t, { up: false });
  const down = /eth0 is down: a boot brings it up, and this does not; try "ip link set eth0 up"/;
  assertFirst(await explain(), down);
  assertFirst(await explain('--interface=eth7'), /interface eth7, of --interface, does not exist/);
  assertFirst(
    await explain('--interface=none,eth0'),
    /eth0 is down, and is not brought up \(none in --interface\)/,
  );
  assert.match((await client.run('ip', ['link', 'show', 'eth0'])).stdout, /state DOWN/, 'it stays down');
  await client.interfaces[0]?.up();
  await client.interfaces[0]?.unplug();
  assertFirst(await explain(), /eth0 has no carrier; see its cable/);
  await client.interfaces[0]?.remove();
  assertFirst(await explain(), /there is no suitable network interface/);
});

test('an address that is not known to be free yet is said to be that', NETWORK, async t => {
  const { client, explain } = await createScene(t, { up: false });
  // So often that it stays so.
  const script = `echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad; echo 600 >/proc/sys/net/ipv6/conf/eth0/dad_transmits; ip link set eth0 up`;
  assert.equal((await client.run('sh', ['-c', script])).code, 0);
  const tentative = () => client.run('ip', ['-6', 'addr', 'show', 'dev', 'eth0', 'tentative']);
  while (!(await tentative()).stdout.includes('fe80::'));
  assertFirst(await explain(), /eth0 has a link-local address that cannot be used \(yet\)/);
});

test('a network without a server is in the way', NETWORK, async t => {
  const { explain } = await createScene(t);
  assertFirst(await explain(), /no server was found by Zeroconf in \d+ s on eth0; see on the server/);
});

test('a server that refuses is in the way, and the server can say why', NETWORK, async t => {
  const { lan, keys, serve, explain } = await createScene(t);
  const other = await makeKeys(lan.directory, 'web2', PASSWORD);
  const { connect } = await serve(other.section);
  const refused =
    /port \d+ sends no password, and does not say why; "mandos --explain=([0-9A-F]{16})" on the server/;
  const explained = await explain(connect);
  assertFirst(explained, refused);
  assert.ok(keyIdOf(keys).startsWith(refused.exec(explained.text)?.[1] ?? '-'));
  assertFirst(await explain(), /"Mandos" at \S+ port \d+ sends no password/);
});

test('a server that refuses the address is in the way', NETWORK, async t => {
  const { keys, serve, explain } = await createScene(t);
  const { connect } = await serve(keys.section, [], '[DEFAULT]\ndeny = fe80::/10\n');
  assertFirst(
    await explain(connect),
    /the TLS handshake fails: .*; see .*; or it refuses this address, or has /,
  );
});

test('a secret for another OpenPGP key is in the way', NETWORK, async t => {
  const { lan, keys, serve, explain } = await createScene(t);
  const other = await makeKeys(lan.directory, 'web2', PASSWORD);
  const { connect } = await serve(other.section.replace(/^key_id = .*$/m, `key_id = ${keyIdOf(keys)}`));
  assertFirst(
    await explain(connect),
    /the secret is encrypted to key [0-9a-f]{16}, not to the key in \S+seckey\.txt; run "mandos-keygen --password"/,
  );
});

test('a port at which nobody listens is in the way', NETWORK, async t => {
  const { connect, explain } = await createScene(t);
  assertFirst(
    await explain(connect(4711)),
    /port 4711: cannot connect: connection refused; see that the server runs/,
  );
});

test('a server that waits for approval is in the way', NETWORK, async t => {
  const { keys, serve, explain } = await createScene(t);
  const { connect } = await serve(`${keys.section}approval_delay = PT1H\n`);
  assertFirst(
    await explain(connect),
    /has sent nothing for some \d+ s: it may wait for approval; approve the request/,
  );
});

test('a plugin that is to explain gets no password', async () => {
  const log = createLog({ write: () => {} }, 'info');
  const context = {
    environment: {},
    log,
    signal: new AbortController().signal,
    privileges: processPrivileges(),
  };
  await assert.rejects(mandosClientPlugin(['--explain'], context), /--explain gets no password/);
});
