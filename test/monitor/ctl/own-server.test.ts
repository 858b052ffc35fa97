import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { startBus } from '../../support/peers.js';
import { startServer } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { ctl, MANDOS_CTL } from './scene.js';

const keyId = (i: number) => String(i).padStart(64, 'f33fcbe6');
const CLIENTS = `[DEFAULT]
secret = c2VjcmV0
checker = true
interval = P1D
[web1]
key_id = ${keyId(1)}
[web2]
key_id = ${keyId(2)}
`;
const NEW_CLIENTS = `[new]
key_id = ${keyId(3)}
secret = c2VjcmV0
release_check = deny
max_releases = 3
release_window = mon-fri 08:00-18:00, Sat 22:00-02:00
timeout = PT7M
checker = ping %%(host)s
[twin]
key_id = ${keyId(1)}
secret = c2VjcmV0
`;

test(
  "this project's server is listed, changed, added to, exported from and watched",
  requires('netns', 'dbus'),
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('server');
    await startBus(host);
    const { child } = await startServer(host, {
      clientsConf: CLIENTS,
      args: ['--no-zeroconf', '--port=14141'],
    });
    const watching = host.spawn(process.execPath, [MANDOS_CTL, '--watch']);
    await watching.waitForOutput(/the Mandos server is there, with 2 clients\n/);

    const check = await ctl(host, ['--check']);
    assert.equal(check.code, 0);
    assert.match(check.stdout, /^ok: version: mandos-ts \d/m);
    assert.match((await ctl(host, [])).stdout, /^web1 Yes {5}00:05:00 /m);

    const added = await ctl(host, ['--debug', '--add=-'], NEW_CLIENTS);
    assert.equal(added.code, 1, 'one of the two has the key of another');
    assert.match(added.stderr, /^mandos-ctl: error: twin: cannot add it: .*web1/m);
    assert.match(added.stderr, /^mandos-ctl: warning: added: 1 of the 2 clients of the file/m);
    assert.doesNotMatch(added.stderr, /c2VjcmV0|115, ?101/);
    const { stdout: section } = await ctl(host, ['--export']);
    assert.match(section, /^\[new\]\n/);
    assert.match(section, /^timeout = PT7M$/m);
    assert.match(section, /^checker = ping %%\(host\)s$/m);
    assert.match(
      section,
      /^release_check = deny\nmax_releases = 3\nrelease_window = Mon-Fri 08:00-18:00, Sat 22:00-02:00$/m,
    );
    assert.equal(section.match(/^\[/gm)?.length, 1);
    assert.doesNotMatch(section, /^secret|^secfile/m);

    assert.equal((await ctl(host, ['-d', 'web1'])).code, 0);
    assert.equal((await ctl(host, ['-V', 'web1'])).code, 1);
    assert.equal((await ctl(host, ['-V', 'web2'])).code, 0);
    const refused = await ctl(host, ['-i', 'PT0S', '-e', 'web1']);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^mandos-ctl: error: web1: cannot set Interval: .*; not done either: enable it\n$/,
    );
    assert.equal((await ctl(host, ['-V', 'web1'])).code, 1);
    assert.equal((await ctl(host, ['-r', 'new'])).code, 0);

    const plain = await ctl(host, ['--secret=-', 'web2'], 'not encrypted');
    assert.deepEqual([plain.code, plain.stdout], [0, '']);
    assert.match(plain.stderr, /^mandos-ctl: warning: the secret is not an OpenPGP message; .*\n$/);
    await child.waitForOutput(/warning: web2: the secret that was set is not an OpenPGP message;/);

    assert.equal((await ctl(host, ['--log-level=DEBUG'])).code, 0);
    assert.equal((await ctl(host, ['--reload'])).code, 0);
    for (const line of [/ new: added\n/, / web1: disabled\n/, / new: removed\n/])
      await watching.waitForOutput(line);
    await child.stop();
    await watching.waitForOutput(/ the Mandos server is gone\n/);
  },
);
