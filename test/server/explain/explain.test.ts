import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAvahi } from '../../support/peers.js';
import { keyFileOptions, makeKeys, MANDOS_CLIENT } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { assertFirst, createScene, EXPLAINED, KEY_ID, SECRET, section } from './scene.js';

test('a client that gets its password has nothing in the way', EXPLAINED, async t => {
  const checker = 'test "$(id -un) $OF_ADMIN" = "_mandos "';
  const { server, explainAs } = await createScene(t, { clientsConf: section('web1', { checker }), args: [] });
  await server?.waitForOutput(/advertised as "Mandos" on eth0/);
  const explain = (word: string) => explainAs(['OF_ADMIN=secret'], word);
  const { status, text, output } = await explain('web1');
  assert.equal(status, 0, output);
  assert.match(text, /ok \[web1\] stands in \S+clients\.conf:1 /);
  assert.match(text, /ok port \d+ takes connections of this host, at fe80::\S+%eth0 /);
  assert.match(text, /ok announced as "Mandos" by the server itself, and found /);
  assert.match(text, new RegExp(`ok key_id ${KEY_ID} `));
  assert.match(text, /ok the checker succeeds, run now as _mandos: test /);
  assert.match(text, /ok an OpenPGP message of 20 bytes, to the key 0123456789ABCDEF /);
  assert.match(text, /Nothing is in the way\. $/);
  assert.ok(!output.includes(SECRET.slice(0, 12)), 'the secret is not shown');
  // Nothing that is shown to a file or another program has colours.
  assert.ok(!output.includes('\x1b'), output);
});

test(
  'a server that Avahi announces is found as well',
  { ...EXPLAINED, ...requires('netns', 'dbus', 'mandos', 'avahi') },
  async t => {
    const { host, server, explain } = await createScene(t, { clientsConf: section('web1'), args: [] });
    await startAvahi(host);
    await server?.waitForOutput(/advertised as "Mandos" through Avahi/);
    const { text, output } = await explain('web1');
    assert.match(text, /ok announced as "Mandos" by Avahi, and found /, output);
  },
);

test('a client that nobody knows is the first thing in the way', EXPLAINED, async t => {
  const { explain } = await createScene(t, { clientsConf: section('web1') });
  assertFirst(await explain('wbe1'), /there is no client wbe1; did you mean web1\?$|web1\? $/);
  assertFirst(await explain('something'), /there is no client something; the files have web1\. $/);
  assertFirst(await explain('cd'.repeat(32)), /no client has the key ID CDCD.*correct the key_id/);
});

test(
  'a client is found by its key ID or fingerprint, and by a word that several fit none is',
  EXPLAINED,
  async t => {
    const web1 = section('web1', { fingerprint: '0123456789'.repeat(4) });
    const web2 = section('web2', { key_id: `${'AB'.repeat(31)}CD` });
    const { explain } = await createScene(t, { clientsConf: `${web1}\n${web2}` });
    assert.match((await explain(KEY_ID)).text, /What it takes for web1 /);
    assert.match((await explain('01:23:45:67:89:01')).text, /What it takes for web1 /);
    assert.match((await explain(`${'ab'.repeat(31)}cd`)).text, /What it takes for web2 /);
    const { status, text } = await explain('abababab');
    assert.equal(status, 2);
    assert.match(text, /abababab may be web1, web2: name one of them/);
  },
);

test('a disabled client is in its own way', EXPLAINED, async t => {
  const { explain } = await createScene(t, { clientsConf: section('web1', { enabled: 'no' }) });
  const explained = await explain('web1');
  assertFirst(explained, /web1 is disabled \(enabled = no in its section\); .*"mandos-ctl --enable web1"/);
});

const BUSCTL = { ...EXPLAINED, ...requires('netns', 'dbus', 'mandos', 'busctl') };

test('a client that has expired is said to have been away, with a server and without', BUSCTL, async t => {
  const options = { checker: 'test ! -e /run/away', interval: 'PT1S', timeout: 'PT1S' };
  const { host, server, explain } = await createScene(t, { clientsConf: section('web1', options) });
  const exit = await host.run('busctl', [
    'call',
    'se.recompile.Mandos',
    '/clients/web1',
    'se.recompile.Mandos.Client',
    'CheckedOK',
  ]);
  assert.equal(exit.code, 0, exit.stderr);
  await host.run('touch', ['/run/away']);
  await server?.waitForOutput(/web1: disabled/);
  const away = /web1 is disabled: it was last seen .* ago, and its timeout is 1 s; /;
  assertFirst(await explain('web1'), away);
  await server?.stop();
  const explained = await explain('web1');
  assertFirst(explained, /no server runs; start it \("systemctl start mandos"\)/);
  assert.match(explained.text, new RegExp(`PROBLEM ${away.source.replace('; ', ' ')}`));
});

test('the state that a server has left is read and stays as it is', EXPLAINED, async t => {
  const { server, explain, stateDirectory } = await createScene(t, { clientsConf: section('web1') });
  await server?.stop();
  const file = () => readFileSync(join(stateDirectory, 'clients.mdb'));
  const before = file();
  const { text, output } = await explain('web1');
  assert.match(text, /ok the server will have web1 when it starts /, output);
  assert.deepEqual(file(), before);
});

test(
  'a server that has not started yet is in the way, and its configuration before it',
  EXPLAINED,
  async t => {
    const web1 = section('web1');
    const twins = `${web1}\n${section('web2')}`;
    const { explain, configure } = await createScene(t, { clientsConf: web1, server: false });
    assertFirst(await explain('web1'), /no server runs/);
    configure(twins);
    assertFirst(
      await explain('web1'),
      /\[web2\] key_id: has the same key ID as \[web1\] in line 2 .*correct it/,
    );
    configure(`${web1}timeout = soon\n`);
    assertFirst(await explain('web1'), /clients\.conf:\d+: \[web1\] timeout: "soon" is not /);
  },
);

test('errors in files that a server has not read yet are in the way soon', EXPLAINED, async t => {
  const { explain, configure } = await createScene(t, { clientsConf: section('web1') });
  configure(`${section('web1')}timeout = soon\n`);
  assertFirst(await explain('web1'), /yet, but soon: .*clients\.conf:\d+: \[web1\] timeout/);
});

test('what a server goes by is compared with the files', EXPLAINED, async t => {
  const { explain, configure } = await createScene(t, { clientsConf: section('web1') });
  configure(`${section('web1', { timeout: 'PT1H' })}\n${section('web2', { key_id: 'CD'.repeat(32) })}`);
  const { text, output } = await explain('web1');
  assert.match(text, /note timeout in the server is not what the files say .*reload/, output);
  assertFirst(await explain('web2'), /the server does not have web2.*"systemctl reload mandos"/);
  configure(section('web1', { key_id: 'CD'.repeat(32) }));
  assertFirst(await explain('web1'), /key_id in the server is not what the files say/);
  configure(section('web2'));
  assert.match((await explain('web1')).text, /note the server has web1, which no file names any more/);
});

test('a server without D-Bus is seen, and its clients are not', EXPLAINED, async t => {
  const args = ['--no-dbus', '--no-zeroconf', '--port=4711'];
  const { server, explain } = await createScene(t, { clientsConf: section('web1'), args });
  const { status, text, output } = await explain('web1');
  assert.match(text, /\? a server runs \(process \d+\)/, output);
  assert.match(text, /\? how web1 stands in the server is not known/);
  assert.match(
    text,
    /Whether web1 gets its password is not known: a server runs \(process \d+\), .* cannot be asked; read its log\. $/,
  );
  assert.equal(status, 1);
  await server?.stop();
});

test('a checker that fails is in the way soon, with what it said', EXPLAINED, async t => {
  const { explain, configure } = await createScene(t, {
    clientsConf: section('web1', { checker: 'echo no route to %%(host)s >&2; exit 3' }),
  });
  const explained = await explain('web1');
  assertFirst(
    explained,
    /soon: the checker fails \(exit status 3\), run now as _mandos: echo no route to localhost/,
  );
  assert.match(explained.text, /note the checker said: no route to localhost/);
  configure(section('web1'));
});

test('a checker that is not there is said to be that', EXPLAINED, async t => {
  const { explain } = await createScene(t, { clientsConf: section('web1', { checker: 'no-such-checker' }) });
  assertFirst(await explain('web1'), /the checker fails \(command not found\).*install the program/);
});

test(
  'a host whose name is not found is said to be that',
  requires('netns', 'dbus', 'mandos', 'fping'),
  async t => {
    const { explain } = await createScene(t, {
      clientsConf: section('web1', { host: 'nosuchhost.invalid', checker: 'fping -q -- %%(host)s' }),
    });
    assertFirst(
      await explain('web1'),
      /the checker fails \(exit status 2: its host name is not found\), .*; correct its "host"/,
    );
  },
);

test('a client that is denied by default has its operator in the way', EXPLAINED, async t => {
  const never = section('web1', { approved_by_default: 'no' });
  const asked = section('web2', {
    key_id: 'CD'.repeat(32),
    approved_by_default: 'no',
    approval_delay: 'PT3M',
  });
  const { explain } = await createScene(t, { clientsConf: `${never}\n${asked}` });
  assertFirst(await explain('web1'), /web1 is denied by default, and its approval_delay leaves no time/);
  assertFirst(await explain('web2'), /web2 is denied by default unless .* within 3 min .*--approve web2/);
});

test('a network interface that is not there or down is in the way', EXPLAINED, async t => {
  const { host, explain } = await createScene(t, {
    clientsConf: section('web1'),
    mandosConf: '[DEFAULT]\ninterface = eth0\n',
  });
  assert.match(
    (await explain('web1')).text,
    /ok network interface eth0 is up .*\? port 4711 is bound to eth0/,
  );
  await host.interfaces[0]?.down();
  assertFirst(await explain('web1'), /the network interface eth0, .*, is down; .*"ip link set eth0 up"/);
  await host.interfaces[0]?.remove();
  assertFirst(await explain('web1'), /the network interface eth0, .*, does not exist/);
});

test('a host that is not on the network is in the way', EXPLAINED, async t => {
  const { host, explain } = await createScene(t, { clientsConf: section('web1') });
  await host.interfaces[0]?.unplug();
  assertFirst(await explain('web1'), /no network interface is up, with a carrier and an address \(eth0\)/);
});

test('a port that takes no connections is in the way', EXPLAINED, async t => {
  const { host, explain } = await createScene(t, { clientsConf: section('web1') });
  // What a host sends to itself goes by its loopback interface.
  await host.run('ip', ['link', 'set', 'lo', 'down']);
  assertFirst(await explain('web1'), /nothing takes connections at \[fe80::\S+%eth0\]:4711: .*firewall/);
});

test('a server that is not announced where it should be is in the way', EXPLAINED, async t => {
  const { host, explain, startServer } = await createScene(t, {
    clientsConf: section('web1'),
    server: false,
  });
  const script = `require('dgram').createSocket('udp6').bind(5353, () => console.log('bound'))`;
  await host.spawn(process.execPath, ['-e', script]).waitForOutput(/bound/);
  await startServer(['--port=4711']);
  assertFirst(
    await explain('web1'),
    /the server is not found by Zeroconf \(_mandos\._tcp\) on eth0; .*UDP port 5353/,
  );
});

test('networks that may not connect are in the way', EXPLAINED, async t => {
  const { explain } = await createScene(t, {
    clientsConf: section('web1', { host: '192.0.2.7' }),
    mandosConf: '[DEFAULT]\ndeny = 192.0.2.0/24\n',
  });
  assertFirst(await explain('web1'), /the client's address 192\.0\.2\.7 may not connect \(allow, deny\)/);
});

test('names are not compared with the networks that may connect', EXPLAINED, async t => {
  const { explain } = await createScene(t, {
    clientsConf: `${section('web1')}\n${section('web2', { key_id: 'CD'.repeat(32), host: '192.0.2.7' })}`,
    mandosConf: '[DEFAULT]\ndeny = 198.51.100.0/24\n',
  });
  const { text, output } = await explain('web1');
  assert.match(text, /\? whether "allow" and "deny" let localhost connect is not known: names/, output);
  assert.match((await explain('web2')).text, /ok "allow" and "deny" let the client's address 192\.0\.2\.7 /);
});

test(
  'a server that closes the connections of its own host is not taken for an open port',
  EXPLAINED,
  async t => {
    const { explain } = await createScene(t, {
      clientsConf: section('web1'),
      mandosConf: '[DEFAULT]\ndeny = fe80::/10\n',
    });
    const { text, output } = await explain('web1');
    assert.match(text, /note this host's own fe80::\S+%eth0 may not connect \(allow, deny, /, output);
    assert.doesNotMatch(text, /port 4711 takes connections/);
  },
);

test(
  'a release window that is closed and a checker that always denies are in the way',
  EXPLAINED,
  async t => {
    const inThreeDays = new Date(Date.now() + 3 * 24 * 3600 * 1000);
    const day = inThreeDays.toLocaleDateString('en', { weekday: 'short' });
    const closed = section('web1', { release_window: `${day} 08:00-09:00`, max_releases: '3' });
    const denied = section('web2', { key_id: 'CD'.repeat(32), release_check: 'deny' });
    const { explain } = await createScene(t, { clientsConf: `${closed}\n${denied}` });
    const explained = await explain('web1');
    assertFirst(
      explained,
      new RegExp(`outside its release_window .*, which begins again ${day} 08:00; wait`),
    );
    assert.match(explained.text, /ok web1 has had 0 of 3 releases since it was enabled \(max_releases\)/);
    assertFirst(
      await explain('web2'),
      /who asks while the checker succeeds is refused, and this checker always does/,
    );
  },
);

test(
  'releases that are used up and limits that are not reloaded are told by the server',
  EXPLAINED,
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'explain-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const keys = await makeKeys(directory, 'web1', 'a password');
    const clientsConf = `${keys.section}max_releases = 1\n`;
    const { host, explain, configure } = await createScene(t, { clientsConf });
    const client = [MANDOS_CLIENT, ...keyFileOptions(keys.keys), '--interface=none', '--connect=[::1]:4711'];
    const { code, stderr } = await host.run(process.execPath, client);
    assert.equal(code, 0, stderr);
    configure(`${keys.section}max_releases = 5\nrelease_check = deny\n`);
    const explained = await explain('web1');
    assertFirst(
      explained,
      /web1 has had 1 of 1 releases since it was enabled \(max_releases\); it begins anew/,
    );
    assert.match(
      explained.text,
      /note release_check, max_releases in the server is not what the files say .*reload/,
    );
    assert.doesNotMatch(explained.text, /release_check is "deny"/);
  },
);

test('a mandos.conf that was changed after the start may wait for a reload', EXPLAINED, async t => {
  const { explain } = await createScene(t, {
    clientsConf: section('web1'),
    mandosConf: '[DEFAULT]\ndeny = 198.51.100.0/24\n',
  });
  const file = /(\S+) has no errors/.exec((await explain('web1')).text)?.[1] ?? '';
  const changed = /note \S+mandos\.conf was changed after the server was started, .* -> reload, unless/;
  assert.doesNotMatch((await explain('web1')).text, changed);
  const soon = new Date(Date.now() + 60_000);
  utimesSync(join(file, 'mandos.conf'), soon, soon);
  const { text, output } = await explain('web1');
  assert.match(text, changed, output);
});

test('a secret that no machine can decrypt is in the way', EXPLAINED, async t => {
  const { explain } = await createScene(t, {
    clientsConf: section('web1', { secret: Buffer.from('a password').toString('base64') }),
  });
  assertFirst(await explain('web1'), /the secret of web1 is not an OpenPGP message/);
});

test(
  'who may not read the files or ask the server is told to be root',
  { ...EXPLAINED, ...requires('netns', 'dbus', 'mandos', 'setpriv') },
  async t => {
    const { server, explainAs } = await createScene(t, { clientsConf: section('web1') });
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const { status, text, output } = await explainAs(nobody, 'web1');
    assert.match(text, /\? you may not read \S+clients\.conf -> run this as root/, output);
    assert.match(
      text,
      /Whether web1 gets its password is not known: a server runs, and you may not ask it; run /,
    );
    assert.equal(status, 1);
    assert.match(
      text,
      /\? a server runs, and you may not ask it -> run this as root, or as a member of the group _mandos/,
    );
    await server?.stop();
    assert.match(
      (await explainAs(nobody, 'web1')).text,
      /\? no server is on D-Bus, and .* -> run this as root/,
    );
  },
);

test('it is not combined with another action, and needs a client', EXPLAINED, async t => {
  const { explain } = await createScene(t, { clientsConf: section('web1'), server: false });
  assert.equal((await explain('')).status, 2);
  const swallowed = await explain('--configdir=/etc/mandos');
  assert.equal(swallowed.status, 2);
  assert.match(swallowed.text, /--explain needs the name of a client, .*not "--configdir=\/etc\/mandos"/);
  assert.equal((await explain('web1', '--check')).status, 2);
});
