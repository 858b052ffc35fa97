import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Child } from './child.js';
import type { Host } from './namespace.js';
import { createLan } from './namespace.js';
import {
  makeRealKeys,
  startAvahi,
  startBus,
  startRealMandos,
  startRealMandosClient,
  waitForRealMandosAnnounced,
  writeServerConfig,
} from './peers.js';
import { requires } from './requires.js';

/** Whether `to` answers on a link of `from`'s. */
async function reaches(from: Host, to: Host, link: { from?: number; to?: number } = {}): Promise<boolean> {
  const address = to.interfaces[link.to ?? 0]?.linkLocal ?? '';
  const name = from.interfaces[link.from ?? 0]?.name ?? '';
  const { code, stdout } = await from.run('fping', ['-6', '-r', '1', '-t', '500', `${address}%${name}`]);
  assert.match(stdout, /is (alive|unreachable)/);
  return code === 0;
}

/** Whether the process runs; one that has ended may wait for its parent a while. */
function runs(pid: string): boolean {
  const file = `/proc/${pid.trim()}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8') !== '';
}

function namespaces(): string {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
}

test(
  'hosts reach each other on the segments that they share, and no others',
  requires('netns', 'fping'),
  async t => {
    const lan = await createLan(t, { segments: 2 });
    const both = await lan.host('both', { segments: [0, 1] });
    const left = await lan.host('left');
    const right = await lan.host('right', { segments: [1] });
    assert.ok(await reaches(left, both));
    assert.ok(await reaches(both, right, { from: 1 }));
    assert.ok(!(await reaches(left, right)));
    assert.ok(!(await reaches(both, right, { from: 0 })));
  },
);

test(
  'a link can be unplugged, taken down and removed, and comes back',
  requires('netns', 'fping'),
  async t => {
    const lan = await createLan(t);
    const [one, other] = [await lan.host('one'), await lan.host('other')];
    const [link] = one.interfaces;
    assert.ok(link);
    await link.unplug();
    assert.ok(!(await reaches(other, one)));
    await link.plug();
    assert.ok(await reaches(other, one));
    await link.down();
    assert.ok(!(await reaches(other, one)));
    await link.up();
    await link.waitForLinkLocal();
    assert.ok(await reaches(other, one));
    await link.remove();
    assert.throws(() => link.linkLocal, /no address/);
    await link.create();
    await link.waitForLinkLocal();
    assert.ok(await reaches(other, one));
  },
);

test('a host has a name, a /run and a bus address of its own', requires('netns'), async t => {
  const lan = await createLan(t);
  const host = await lan.host('gatehouse');
  const script = 'cat /proc/sys/kernel/hostname; touch /run/mine; echo "$DBUS_SYSTEM_BUS_ADDRESS"';
  const { stdout } = await host.run('sh', ['-c', script]);
  assert.equal(stdout, `gatehouse\n${host.busAddress}\n`);
  assert.ok(existsSync(`${host.runDirectory}/mine`));
  assert.ok(!existsSync('/run/mine'));
});

test(
  'when a lan closes, nothing of it is left: no daemon, namespace or file',
  requires('netns'),
  async () => {
    const hooks: (() => Promise<void>)[] = [];
    const lan = await createLan({ after: hook => void hooks.push(hook) });
    const host = await lan.host('host');
    const { stdout } = await host.run('sh', ['-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);
    const stubborn = host.spawn('sh', ['-c', "trap '' HUP INT; echo ready; sleep 1000"]);
    await stubborn.waitForOutput(/ready/);
    assert.ok(runs(stdout));
    assert.match(namespaces(), new RegExp(host.namespace));
    for (const hook of hooks) await hook();
    assert.ok(!runs(stdout));
    assert.deepEqual(await stubborn.exited, { code: null, signal: 'SIGTERM' });
    assert.ok(!namespaces().includes(lan.switchNamespace.replace(/switch$/, '')));
    assert.ok(!existsSync(lan.directory));
  },
);

test('a test process that is told to end takes its lan with it', requires('netns'), async t => {
  const module = new URL('./namespace.js', import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(async ({ createLan }) => {
    const lan = await createLan({ after() {} });
    const host = await lan.host('host');
    host.spawn('sleep', ['1000']);
    console.log('made', host.namespace, lan.directory);
  });`;
  const child = new Child(process.execPath, ['-e', script], {});
  t.after(() => child.stop());
  const [, namespace = '', directory = ''] = await child.waitForOutput(/^made (\S+) (\S+)$/m);
  assert.ok(existsSync(directory));
  child.signal('SIGTERM');
  assert.equal((await child.exited).signal, 'SIGTERM');
  assert.ok(!namespaces().includes(namespace));
  assert.ok(!existsSync(directory));
});

test('waiting for output ends with an error that shows it when the process ends instead', async t => {
  const child = new Child('sh', ['-c', 'echo one; echo two >&2; exit 3'], {});
  t.after(() => child.stop());
  await assert.rejects(child.waitForOutput(/three/), /ended \(status 3\) without .*three[^]*one[^]*two/);
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.equal(child.stdout, 'one\n');
  assert.equal(child.stderr, 'two\n');
});

const REAL = requires('netns', 'dbus', 'avahi', 'mandos', 'mandos-client', 'gpg');

test('the original server and client meet by Zeroconf over link-local addresses', REAL, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const client = await lan.host('client');
  const password = 'correct horse\n battery \u00e4';
  const keys = await makeRealKeys(lan.directory, 'client1', password);
  await startBus(server);
  await startAvahi(server);
  const { child: mandos } = await startRealMandos(server, {
    configDirectory: writeServerConfig(server, keys.clientSection),
  });
  await waitForRealMandosAnnounced(mandos);
  const plugin = startRealMandosClient(client, {
    keyDirectory: keys.keyDirectory,
    args: ['--interface=eth0', '--retry=1'],
  });
  const exit = await plugin.waitForExit();
  assert.equal(exit.code, 0, plugin.tail());
  assert.equal(plugin.stdout, password);
});

test('the original server announces itself again when Avahi comes back after a crash', REAL, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  await startBus(server);
  const avahi = await startAvahi(server);
  const { child: mandos } = await startRealMandos(server, {
    configDirectory: writeServerConfig(server, CLIENT),
  });
  await waitForRealMandosAnnounced(mandos);
  const announced = mandos.output.length;
  avahi.kill();
  await avahi.exited;
  await startAvahi(server);
  await waitForRealMandosAnnounced(mandos, announced);
});

test("the bus refuses strangers what the original's policy gives to root", REAL, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  await startBus(server);
  await startAvahi(server);
  await startRealMandos(server, { configDirectory: writeServerConfig(server, CLIENT) });
  const call = [
    ...'dbus-send --system --print-reply --dest=se.recompile.Mandos /'.split(' '),
    'org.freedesktop.DBus.ObjectManager.GetManagedObjects',
  ];
  const root = await server.run('env', call);
  assert.equal(root.code, 0, root.stderr);
  assert.match(root.stdout, /\/clients\/client1/);
  const nobody = await server.run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...call]);
  assert.match(nobody.stderr, /AccessDenied/);
});

/** A client whose keys nobody needs. */
const CLIENT = `[client1]
key_id = ${'ab'.repeat(32)}
fingerprint = ${'cd'.repeat(20)}
secret = c2VjcmV0
checker = :
`;
