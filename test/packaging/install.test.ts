import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Child } from '../support/child.js';
import { requires } from '../support/requires.js';
import type { Chroot } from './chroot.js';
import { canRunSystemd } from './chroot.js';
import { enabled, install, startChroot } from './installed.js';
import type { Packages } from './packages.js';
import { buildPackages, removePackages } from './packages.js';

const NEEDS = requires('root', 'netns', 'debootstrap', 'dpkg-deb', 'strip');

const packages = 'skip' in NEEDS ? undefined : buildPackages();
const later = 'skip' in NEEDS ? undefined : buildPackages(['--revision=2']);
after(() => {
  if (packages) removePackages(packages);
  if (later) removePackages(later);
});

const ORIGINAL = 'apt-get -qy --no-install-recommends install /var/cache/packages/mandos';

const START_BUS = 'mkdir -p /run/dbus; [ -e /run/dbus/pid ] || dbus-daemon --system --fork';

/** The lines of the unit that systemd would run, which is not there. */
function unitCommand(chroot: Chroot, key: 'ExecStartPre' | 'ExecStart'): string {
  const unit = readFileSync(chroot.path('/lib/systemd/system/mandos.service'), 'utf8');
  const [, command] = new RegExp(`^${key}=(.*)$`, 'm').exec(unit) ?? [];
  assert.ok(command, key);
  return command;
}

/** As the unit does it. */
async function startServer(chroot: Chroot, args = ''): Promise<Child> {
  await chroot.ok(START_BUS);
  const more = `DAEMON_ARGS="--no-zeroconf --port=0 --debuglevel=INFO ${args}"`;
  await chroot.ok(`${more}; ${unitCommand(chroot, 'ExecStartPre')}`);
  const server = chroot.spawn(`${more}; ${WITH_PID} exec ${unitCommand(chroot, 'ExecStart')}`);
  await server.waitForOutput(/listening on .*:\d+$/m);
  return server;
}

async function startOriginal(chroot: Chroot): Promise<Child> {
  await chroot.ok(START_BUS);
  const server = chroot.spawn(
    `${WITH_PID} exec /usr/sbin/mandos --foreground --no-zeroconf --port=4711 --debug`,
  );
  await server.waitForOutput(/Now listening on address/);
  return server;
}

/** By its number in there: what runs out here is nsenter. */
const WITH_PID = 'echo $$ >/run/under-test.pid;';

async function stop(chroot: Chroot, server: Child): Promise<void> {
  await chroot.ok('kill "$(cat /run/under-test.pid)"');
  assert.equal((await server.waitForExit()).code, 0, server.tail());
}

const section = (name: string, digit: string) =>
  `[${name}]\nkey_id = ${digit.repeat(64)}\nfingerprint = ${digit.repeat(40)}\nsecret = c2VjcmV0\nchecker = :\n`;
const CLIENTS = `# Mine.\n[DEFAULT]\ninterval = P1D\n${section('one', '1')}${section('two', '2')}${section('three', '3')}`;

const CONFIGURATION = ['clients.conf', 'mandos.conf', 'plugin-runner.conf'].map(
  name => `/etc/mandos/${name}`,
);
const KEYS = ['pubkey.txt', 'seckey.txt', 'tls-pubkey.pem', 'tls-privkey.pem'].map(
  name => `/etc/keys/mandos/${name}`,
);

const read = (chroot: Chroot, path: string) => readFileSync(chroot.path(path), 'utf8');
const write = (chroot: Chroot, path: string, text: string) => writeFileSync(chroot.path(path), text);
const readAll = (chroot: Chroot, paths: readonly string[]) => paths.map(path => read(chroot, path));

test(
  'installed on a new machine: keys, a server that starts, and the password for the client',
  NEEDS,
  async t => {
    const chroot = await startChroot(t);
    const before = await files(chroot);
    const said = await chroot.ok(install(chroot, packages, 'server', 'client'));
    assert.match(said, /^image: -u -k all$/m);
    assert.equal(
      await chroot.ok("stat -c '%a %U' /etc/keys/mandos /etc/mandos/clients.conf /var/lib/mandos"),
      '700 root\n600 root\n700 _mandos\n',
    );
    assert.equal(
      await chroot.ok(`stat -c %a ${KEYS.slice(1, 2).join(' ')} ${KEYS.slice(3).join(' ')}`),
      '400\n400\n',
    );
    assert.match(await chroot.ok('mandos --check'), /^configuration is valid: 0 clients/m);
    assert.match(
      await chroot.ok('mandos --version; mandos-ctl --version; mandos-monitor --version'),
      /^mandos .*\nmandos-ctl .*\nmandos-monitor /,
    );
    assert.equal(
      (await chroot.run('systemd-analyze --man=no verify /lib/systemd/system/mandos.service')).output,
      '',
    );
    assert.equal(await chroot.ok('systemctl is-enabled mandos.service'), 'enabled\n');

    await chroot.ok(
      'printf %s "the password" >/root/password; mandos-keygen --passfile=/root/password --no-ssh --name=here >>/etc/mandos/clients.conf',
    );
    const server = await startServer(chroot);
    const [, port] = /listening on .*:(\d+)$/m.exec(server.output) ?? [];
    await chroot.ok(`mandos-keygen --test --connect=[::1]:${port}`);
    assert.deepEqual(await enabled(chroot), { here: true });
    await stop(chroot, server);

    await t.test('an upgrade changes neither configuration nor keys nor state', async () => {
      await chroot.ok('echo "# mine" >>/etc/mandos/mandos.conf');
      const paths = [...CONFIGURATION, ...KEYS];
      const contents = readAll(chroot, paths);
      const state = readFileSync(chroot.path('/var/lib/mandos/clients.mdb'));
      await chroot.ok(install(chroot, later, 'server', 'client'));
      assert.match(await chroot.ok('dpkg-query --show mandos-ts mandos-ts-client'), /-2\n.*-2\n$/);
      assert.deepEqual(readAll(chroot, paths), contents);
      assert.ok(state.equals(readFileSync(chroot.path('/var/lib/mandos/clients.mdb'))));
    });

    await t.test(
      "a server that is running is in nobody's way of an upgrade, and is not left behind by a removal",
      async () => {
        const running = await startServer(chroot);
        const { code, output } = await chroot.run('apt-get -qy remove mandos-ts');
        assert.notEqual(code, 0);
        assert.match(output, /is in use by another mandos.*\n.*stays installed/);
        assert.deepEqual(await enabled(chroot), { here: true });
        await stop(chroot, running);
      },
    );

    await t.test('removed, it leaves what an administrator has made; purged, nothing', async () => {
      const paths = [...CONFIGURATION, ...KEYS];
      const contents = readAll(chroot, paths);
      await chroot.ok('apt-get -qy remove mandos-ts mandos-ts-client');
      assert.deepEqual(readAll(chroot, paths), contents);
      assert.ok(!existsSync(chroot.path('/usr/sbin/mandos')));
      const purged = await chroot.ok('apt-get -qy purge mandos-ts mandos-ts-client');
      assert.match(purged, /^mandos-ts: the state of the clients is deleted/m);
      const left = (await files(chroot)).filter(path => !before.includes(path));
      assert.deepEqual(left, ['/root/password']);
    });
  },
);

/** What packages and administrators have put anywhere but into logs, caches and dpkg's own place. */
async function files(chroot: Chroot): Promise<string[]> {
  const out = await chroot.ok(
    "find / -xdev ! -path '/var/log/*' ! -path '/var/cache/*' ! -path '/var/lib/dpkg/*' ! -path '/root/*.deb' ! -path '/var/lib/apt/*' ! -name '*-' ! -path '/tmp/*' -print",
  );
  return out.trimEnd().split('\n').toSorted();
}

test(
  'in the place of the original and back: keys, configuration and disabled clients are kept',
  NEEDS,
  async t => {
    const chroot = await startChroot(t);
    await chroot.ok(`${ORIGINAL}_*.deb /var/cache/packages/mandos-client_*.deb </dev/null`);
    write(chroot, '/etc/mandos/clients.conf', CLIENTS);
    write(chroot, '/etc/mandos/plugin-runner.conf', '# Mine.\n--options-for=mandos-client:--delay=3\n');
    await chroot.ok('chmod 640 /etc/mandos/clients.conf');
    const edited = ['/etc/mandos/clients.conf', '/etc/mandos/plugin-runner.conf', ...KEYS];
    const contents = readAll(chroot, edited);
    const first = await startOriginal(chroot);
    await enabled(chroot);
    await chroot.ok('mandos-ctl --disable two');
    await stop(chroot, first);

    const said = await chroot.ok(install(chroot, packages, 'server', 'client'));
    assert.match(said, /Removing mandos \(/);
    assert.match(said, /^image: -u -k all$/m);
    assert.deepEqual(readAll(chroot, edited), contents);
    assert.equal(await chroot.ok('stat -c %a /etc/mandos/clients.conf'), '640\n');
    assert.match(read(chroot, '/etc/mandos/mandos.conf'), /audit_log/, 'what nobody has edited is ours');
    assert.equal(
      await chroot.ok('ls /etc/mandos /etc/default | grep -e mandos- -e dpkg- || true'),
      '',
      'nothing is left aside',
    );

    const second = await startServer(chroot);
    assert.deepEqual(await enabled(chroot), { one: true, two: false, three: true });
    await chroot.ok('mandos-ctl --disable three');
    await stop(chroot, second);

    await t.test('what is left of its server package can be purged', async () => {
      await chroot.ok('dpkg --purge mandos');
      assert.equal(await chroot.ok('systemctl is-enabled mandos.service'), 'enabled\n');
      assert.deepEqual(readAll(chroot, edited), contents);
      const third = await startServer(chroot);
      assert.deepEqual(await enabled(chroot), { one: true, two: false, three: false });
      await stop(chroot, third);
    });

    await t.test('back', async () => {
      await chroot.ok(
        `${ORIGINAL}_*.deb /var/cache/packages/mandos-client_*.deb -o Dpkg::Options::=--force-confold </dev/null`,
      );
      assert.deepEqual(readAll(chroot, edited), contents);
      // Before the original has read what was left to it.
      await chroot.ok('dpkg --purge mandos-ts mandos-ts-client');
      const original = await startOriginal(chroot);
      assert.deepEqual(await enabled(chroot), { one: true, two: false, three: false });
      await chroot.ok('mandos-ctl --enable two');
      await stop(chroot, original);
      assert.deepEqual(
        readAll(chroot, edited),
        contents,
        'purging what is left of ours takes nothing from it',
      );
      assert.ok(existsSync(chroot.path('/var/lib/mandos/clients.pickle')));
    });

    await t.test('and here again, by dpkg alone', async () => {
      const command = install(chroot, later, 'server', 'client').replace(
        'apt-get -qy install',
        'dpkg --install',
      );
      await chroot.ok(command);
      assert.deepEqual(readAll(chroot, edited), contents);
      const again = await startServer(chroot);
      assert.deepEqual(await enabled(chroot), { one: true, two: true, three: false });
      await stop(chroot, again);
    });
  },
);

test('a configuration file that is edited before the package is configured stays so', NEEDS, async t => {
  const chroot = await startChroot(t);
  const file = '/etc/mandos/plugin-runner.conf';
  await chroot.ok('mkdir -p /etc/mandos');
  const unpack = async (from: Packages | undefined) => {
    await chroot.ok(
      install(chroot, from, 'client').replace('apt-get -qy --no-install-recommends install', 'dpkg --unpack'),
    );
  };
  const configure = 'dpkg --configure --force-confold mandos-ts-client </dev/null';
  write(chroot, file, '# Old.\n');
  await unpack(packages);
  assert.match(read(chroot, file), /options-for/);
  write(chroot, file, '# New.\n');
  await unpack(later);
  assert.equal(read(chroot, file), '# New.\n');
  assert.match(await chroot.ok(configure), /plugin-runner\.conf was edited during the installation/);
  assert.equal(read(chroot, file), '# New.\n');
  assert.equal(read(chroot, `${file}.mandos-kept`), '# Old.\n');
  assert.equal(await chroot.ok('ls /etc/mandos | grep mandos-'), 'plugin-runner.conf.mandos-kept\n');
});

test('without a state that can be read nothing is released, and nothing is handed over', NEEDS, async t => {
  const chroot = await startChroot(t);
  await chroot.ok(install(chroot, packages, 'server'));
  write(chroot, '/etc/mandos/clients.conf', CLIENTS);

  await t.test('a damaged state of the original keeps the service from starting', async () => {
    write(chroot, '/var/lib/mandos/clients.pickle', 'damaged');
    const { code, output } = await chroot.run(unitCommand(chroot, 'ExecStartPre'));
    assert.equal(code, 1);
    assert.match(output, /critical: \/var\/lib\/mandos\/clients\.pickle /);
    assert.equal(read(chroot, '/var/lib/mandos/clients.pickle'), 'damaged');
    await chroot.ok('rm /var/lib/mandos/clients.pickle');
  });

  await t.test('a damaged state of its own keeps the package installed', async () => {
    await stop(chroot, await startServer(chroot));
    await chroot.ok('truncate -s 100 /var/lib/mandos/clients.mdb');
    const { code, output } = await chroot.run('apt-get -qy remove mandos-ts');
    assert.notEqual(code, 0);
    assert.match(output, /clients\.mdb: is damaged[^]*stays installed/);
    assert.match(await chroot.ok('dpkg --status mandos-ts'), /^Status: .* installed$/m);
    await chroot.ok('mv /var/lib/mandos /var/lib/mandos.aside && apt-get -qy remove mandos-ts');
  });
});

test('keys from the time before TLS keys stay, and get them', NEEDS, async t => {
  const chroot = await startChroot(t);
  await chroot.ok(install(chroot, packages, 'client'));
  const openPgp = KEYS.slice(0, 2);
  const contents = readAll(chroot, openPgp);
  await chroot.ok('rm /etc/keys/mandos/tls-*');
  assert.match(await chroot.ok('dpkg-reconfigure mandos-ts-client'), /a TLS key was made/);
  assert.deepEqual(readAll(chroot, openPgp), contents);
  assert.equal(
    await chroot.ok('ls /etc/keys/mandos'),
    'pubkey.txt\nseckey.txt\ntls-privkey.pem\ntls-pubkey.pem\n',
  );
  assert.match(await chroot.ok('echo x | mandos-keygen --passfile=- --no-ssh'), /^key_id = [0-9a-f]{64}$/m);

  await chroot.ok('rm /etc/keys/mandos/seckey.txt');
  const [publicKey] = readAll(chroot, openPgp.slice(0, 1));
  assert.match(await chroot.ok('dpkg-reconfigure mandos-ts-client'), /does not have all of its keys/);
  assert.equal(read(chroot, '/etc/keys/mandos/pubkey.txt'), publicKey, 'half a pair is not touched');
});

test('under systemd the service starts, is watched, reloads, checks, restarts and stops', NEEDS, async t => {
  if (!canRunSystemd()) {
    t.diagnostic('not run: no control groups can be mounted here');
    return;
  }
  const chroot = await startChroot(t, 'dbus.socket');
  const isActive = (unit: string) =>
    chroot.ok(
      `for i in $(seq 300); do systemctl --quiet is-active ${unit} && exit; sleep 0.2; done; systemctl status ${unit}`,
    );
  await isActive('dbus.socket');
  await chroot.ok(install(chroot, packages, 'server'));
  await isActive('mandos.service');
  const show = (property: string) =>
    chroot.ok(`systemctl show --value --property=${property} mandos.service`);
  assert.equal(await show('WatchdogUSec'), '2min\n');
  assert.match(await show('StatusText'), /^0 clients, port \d+$/m);
  assert.match(await chroot.ok(`cat /proc/$(systemctl show -P MainPID mandos)/status`), /^CapEff:\t0+$/m);

  const ping = 'host = 127.0.0.1\nchecker = fping -q -- 127.0.0.1 && fping -q -- %%(host)s\n';
  write(
    chroot,
    '/etc/mandos/clients.conf',
    `${section('one', '1').replace('checker = :\n', ping)}${section('two', '2')}`,
  );
  await chroot.ok('systemctl reload mandos.service');
  assert.deepEqual(await enabled(chroot), { one: true, two: true });
  await chroot.ok('mandos-ctl --start-checker one');
  const checked = `mandos-ctl --dump-json one | grep -q '"LastCheckerStatus": 0'`;
  await chroot.ok(
    `for i in $(seq 300); do ${checked} && exit; sleep 0.2; done; mandos-ctl --dump-json; exit 1`,
  );
  await chroot.ok('mandos-ctl --disable two; systemctl restart mandos.service');
  assert.deepEqual(await enabled(chroot), { one: true, two: false });
  assert.equal(await show('Result'), 'success\n');
  await chroot.ok('apt-get -qy remove mandos-ts');
  assert.ok(existsSync(chroot.path('/var/lib/mandos/clients.pickle')));
});
