import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { after, test } from 'node:test';
import { requires } from '../support/requires.js';
import type { Chroot } from './chroot.js';
import { canRunSystemd } from './chroot.js';
import { enabled, install, startChroot } from './installed.js';
import { buildPackages, removePackages } from './packages.js';

const NEEDS = requires('root', 'netns', 'debootstrap', 'dpkg-deb', 'strip', 'sshd', 'unshare');
const packages = 'skip' in NEEDS ? undefined : buildPackages();
after(() => packages && removePackages(packages));

/** CAP_NET_RAW of capabilities(7), and with it CAP_DAC_READ_SEARCH. */
const [NET_RAW, NET_RAW_READ_SEARCH, NONE] = ['2000', '2004', '0'].map(hex => hex.padStart(16, '0'));

const keyId = (digit: string) => `key_id = ${digit.repeat(64)}\nsecret = c2VjcmV0\n`;

/** Each of what a checker must not be able to do. */
const CONFINED = [
  '[ -d /srv/everybody ]',
  '! touch /srv/everybody/file',
  '[ ! -e /proc/1 ]',
  '! unshare --user true',
  '! cat /etc/mandos/clients.conf',
  '[ ! -e /proc/sys ]',
];

const CLIENTS = `[DEFAULT]
host = 127.0.0.1
interval = PT1H
timeout = PT5H
[ping]
${keyId('1')}
[keyscan]
${keyId('2')}checker = ssh-keyscan -t ed25519 -- %%(host)s 2>/dev/null | grep -q 'ssh-ed25519 AAAA'
[confined]
${keyId('3')}checker = ${CONFINED.join(' && ')}
[rights]
${keyId('4')}checker = cat /proc/self/status >/tmp/new && mv /tmp/new /tmp/status
`;

test("under the unit's sandbox everything that the server does works, and little else", NEEDS, async t => {
  if (!canRunSystemd()) {
    t.diagnostic('not run: no control groups can be mounted here');
    return;
  }
  const chroot = await startChroot(t, 'dbus.socket');
  await isActive(chroot, 'dbus.socket');
  await startSshServer(t, chroot);
  await chroot.ok('mkdir --mode=1777 /srv/everybody');
  await chroot.ok(install(chroot, packages, 'server', 'client'));
  await isActive(chroot, 'mandos.service');
  write(chroot, '/etc/default/mandos', `DAEMON_ARGS="${OPTIONS.join(' ')}"\n`);
  await chroot.ok('systemctl restart mandos.service');

  await t.test('its exposure, as systemd sees it, is less than 2.0', async () => {
    const said = await chroot.ok('systemd-analyze security --no-pager mandos.service');
    const [, figure] = /Overall exposure level for mandos\.service: (\d+\.\d)/.exec(said) ?? [];
    assert.ok(Number(figure) < 2, said);
  });

  await t.test('a reload reads files that are for root only', async () => {
    write(chroot, '/etc/mandos/clients.conf', CLIENTS);
    await chroot.ok(`printf %s "the password" >/root/password
      mandos-keygen --passfile=/root/password --no-ssh --name=here >>/etc/mandos/clients.conf
      echo 'checker = :' >>/etc/mandos/clients.conf`);
    assert.equal(await chroot.ok("stat -c '%a %U' /etc/mandos/clients.conf"), '600 root\n');
    await chroot.ok('systemctl reload mandos.service');
    assert.deepEqual(Object.keys(await enabled(chroot)).toSorted(), [
      'confined',
      'here',
      'keyscan',
      'ping',
      'rights',
    ]);
  });

  for (const name of ['ping', 'keyscan', 'confined', 'rights']) {
    await t.test(`the checker of ${name} succeeds`, () => check(chroot, name));
  }

  await t.test('a checker can send as ping does, and has no other right, nor can it get one', async () => {
    const status = statusOf(read(chroot, `${await serverFiles(chroot)}/root/tmp/status`));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.equal(status.get(set), NET_RAW, set);
    assert.equal(status.get('NoNewPrivs'), '1');
    assert.equal(status.get('Seccomp'), '2');
    assert.equal(status.get('Uid')?.split('\t')[1], (await chroot.ok('id -u _mandos')).trim());
  });

  await t.test('the server has its rights out of force', async () => {
    const status = statusOf(read(chroot, `${await serverFiles(chroot)}/status`));
    assert.equal(status.get('CapEff'), NONE);
    assert.equal(status.get('CapPrm'), NET_RAW_READ_SEARCH);
    assert.equal(status.get('CapAmb'), NET_RAW);
  });

  await t.test('a password is given out at a port of root, and that is in the audit log', async () => {
    await chroot.ok('mandos-keygen --test --connect=[::1]:655');
    assert.match(read(chroot, AUDIT_LOG), /"event":"released","client":"here"/);
    assert.equal(await chroot.ok(`stat -c '%a %U' ${AUDIT_LOG}`), '600 _mandos\n');
  });

  await t.test('what was decided over D-Bus survives a restart', async () => {
    await chroot.ok('mandos-ctl --disable here; systemctl restart mandos.service');
    assert.equal((await enabled(chroot))['here'], false);
    await check(chroot, 'ping');
    assert.equal(await chroot.ok('systemctl show -P Result mandos.service'), 'success\n');
  });

  await t.test('with the drop-in for it the server starts as root, and gives that up by itself', async () => {
    await chroot.ok('mkdir /etc/systemd/system/mandos.service.d');
    write(chroot, '/etc/systemd/system/mandos.service.d/root.conf', dropIn('User=root'));
    const elsewhere = '/var/log/audit.json';
    write(chroot, '/etc/default/mandos', `DAEMON_ARGS="${OPTIONS.join(' ')} --audit-log=${elsewhere}"\n`);
    await chroot.ok('systemctl daemon-reload; systemctl restart mandos.service');
    await enabled(chroot);
    await check(chroot, 'ping');
    const status = statusOf(read(chroot, `${await serverFiles(chroot)}/status`));
    assert.equal(status.get('Uid')?.split('\t')[1], (await chroot.ok('id -u _mandos')).trim());
    assert.equal(status.get('CapEff'), NONE);
    assert.equal(status.get('NoNewPrivs'), '0');
    assert.equal(await chroot.ok(`stat -c '%a %U' ${elsewhere}`), '600 _mandos\n');
  });
});

/** The drop-in of the documentation that has this line. */
function dropIn(line: string): string {
  const blocks = readFileSync(DOCUMENT, 'utf8').matchAll(/^```ini\n(.*?)^```/gms);
  const block = [...blocks].map(([, text = '']) => text).find(text => text.includes(line));
  assert.ok(block, line);
  return block;
}

const DOCUMENT = join(import.meta.dirname, '../../../docs/sandbox.md');
const AUDIT_LOG = '/var/log/mandos/audit.json';
const OPTIONS = ['--no-zeroconf', '--port=655', `--audit-log=${AUDIT_LOG}`];

/** On port 22 of the chroot's 127.0.0.1. */
async function startSshServer(t: TestContext, chroot: Chroot): Promise<void> {
  const key = join(chroot.path('/root'), 'host-key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const options = '-D -e -f /dev/null -o PidFile=none -o ListenAddress=127.0.0.1:22';
  const server = chroot.spawnOutside(
    // Its own /run, for the directory that it wants there.
    `mount -t tmpfs none /run; mkdir /run/sshd
    PATH=$PATH:/usr/sbin; exec "$(command -v sshd)" ${options} -h "$1"`,
    key,
  );
  t.after(() => server.stop());
  await server.waitForOutput(/Server listening/);
}

async function isActive(chroot: Chroot, unit: string): Promise<void> {
  await chroot.ok(
    `for i in $(seq 300); do systemctl --quiet is-active ${unit} && exit; sleep 0.2; done; systemctl status ${unit}; exit 1`,
  );
}

/** Has a client checked now, and waits until a check has succeeded that had not before. */
async function check(chroot: Chroot, name: string): Promise<void> {
  const succeeded = `mandos-ctl --dump-json ${name} | grep '"LastCheckedOK": "2' >/run/last`;
  await chroot.ok(
    `touch /run/before-${name}
    mandos-ctl --start-checker ${name}
    for i in $(seq 200); do
      ${succeeded} && ! cmp --silent /run/last /run/before-${name} && mv /run/last /run/before-${name} && exit
      sleep 0.2
    done
    mandos-ctl --dump-json ${name}; journalctl --no-pager --unit=mandos; exit 1`,
  );
}

/** Its directory in /proc. */
async function serverFiles(chroot: Chroot): Promise<string> {
  return `/proc/${(await chroot.ok('systemctl show -P MainPID mandos.service')).trim()}`;
}

/** Lines of proc_pid_status(5) by name. */
function statusOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map(line => [line.replace(/:.*/, ''), line.replace(/^\w+:\s*/, '').trim()]),
  );
}

const read = (chroot: Chroot, path: string) => readFileSync(chroot.path(path), 'utf8');
const write = (chroot: Chroot, path: string, text: string) => writeFileSync(chroot.path(path), text);
