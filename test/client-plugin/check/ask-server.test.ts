import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { askServer } from '../../../client-plugin/check/ask-server.js';
import type { Privileges } from '../../../client-plugin/privileges.js';
import type { Finding } from '../../../client-plugin/check/finding.js';
import { createLog } from '../../../common/log.js';
import { runNode, startLoopbackServer } from '../../support/loopback.js';
import { makeKeys } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { command, temporaryDirectory } from '../keygen/keygen.js';
import { observingRelay } from '../observing-relay.js';
import { findings, makeScene, pack, put } from './scene.js';

const PROGRAM = join(import.meta.dirname, '../../../initramfs-hooks/bundle/mandos-initramfs.js');
const PASSWORD = 'open sesame';
const { keys: KEYS, section: SECTION } = await makeKeys(temporaryDirectory({ after }), 'machine', PASSWORD);
const LUKS = requires('cpio', 'cryptsetup');

/** This process cleans up after the tests, with all its rights. */
const UNCHANGED: Privileges = { lower() {}, asRoot: act => act() };

/** A file with a LUKS header, which opens fast; no device-mapper is needed to try a password on it. */
function luksFile(t: TestContext, password: string): string {
  const file = join(temporaryDirectory(t), 'disk');
  writeFileSync(file, '');
  truncateSync(file, 32 * 1024 * 1024);
  const fast = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000'];
  command(
    '/usr/sbin/cryptsetup',
    [...fast, 'luksFormat', '--batch-mode', '--type=luks2', '--key-file=-', file],
    {
      input: password,
    },
  );
  return file;
}

/** What asking with an image's keys says of the server and the volumes. */
async function ask(
  t: TestContext,
  image: { readonly port: number; readonly crypttab?: string; readonly withoutKey?: boolean },
  timeoutMs = 60_000,
): Promise<Finding[]> {
  const scene = makeScene(t, KEYS);
  put(
    scene.tree,
    'conf/conf.d/mandos/plugin-runner.conf',
    `--global-options=--debug # a comment\n--options-for mandos-client:--connect=[::1]:${image.port},--retry=1\n`,
  );
  put(scene.tree, 'cryptroot/crypttab', image.crypttab ?? '');
  pack(scene);
  const lines: string[] = [];
  const log = createLog({ write: (_level, line) => lines.push(line) }, 'debug');
  let asked: Finding[] = [];
  const all = await findings(scene, {
    ask: async subject => (asked = await askServer(subject, timeoutMs, log, UNCHANGED)),
  });
  for (const text of [...lines, ...all.map(({ message }) => message)])
    assert.ok(!text.includes(PASSWORD), text);
  return asked;
}

const said = (all: readonly Finding[]) =>
  all.map(({ check, level, message }) => `${level} ${check}: ${message}`);

test(
  'the password that a server has for the keys in the image opens the volumes of the image',
  LUKS,
  async t => {
    const { port } = await startLoopbackServer(t, SECTION);
    const [root, other] = [luksFile(t, PASSWORD), luksFile(t, 'another')];
    const crypttab = [
      `root ${root} none luks,initramfs`,
      `other ${other} none luks,initramfs`,
      'absent UUID=00000000-0000-4000-8000-00000000abcd none luks',
      'keyed /dev/null /key luks',
      '',
    ].join('\n');
    assert.deepEqual(said(await ask(t, { port, crypttab })), [
      `ok server: the password from ::1 port ${port} decrypts`,
      `ok volumes: the password opens root (${root})`,
      `FAIL volumes: the password does NOT open other (${other}): No key available with this passphrase.`,
      'warning volumes: absent cannot be tried: /dev/disk/by-uuid/00000000-0000-4000-8000-00000000abcd is not here',
    ]);
  },
);

test('a server that refuses the machine ends the search', requires('cpio'), async t => {
  const { port } = await startLoopbackServer(t, `${SECTION}enabled = False\n`);
  const [finding, ...others] = await ask(t, { port });
  assert.deepEqual(others, []);
  assert.equal(finding?.level, 'FAIL');
  assert.match(
    finding.message,
    new RegExp(`^no server gave the password: ::1 port ${port}: closed the connection`),
  );
});

test(
  'a server that is not there, or says nothing, is waited for no longer than asked',
  requires('cpio'),
  async t => {
    const silent = createServer(socket => socket.resume());
    silent.listen(0, '::1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const [stalled] = said(await ask(t, { port }, 300));
    assert.match(
      stalled ?? '',
      /^FAIL server: no server gave the password within 0\.3 s: is it running where --connect/,
    );
    silent.close();
    await once(silent, 'close');
    const [absent] = said(await ask(t, { port }, 300));
    assert.match(absent ?? '', /^FAIL server: no server gave the password within 0\.3 s/);
  },
);

test(
  'nobody asks the servers, and root reads every image and tries its volumes',
  requires('root', 'cpio', 'cryptsetup'),
  async t => {
    const { port } = await startLoopbackServer(t, SECTION);
    const relay = await observingRelay(t, port, () => child.pid);
    const images = [PASSWORD, PASSWORD].map(password => {
      const scene = makeScene(t, KEYS);
      const file = luksFile(t, password);
      chmodSync(file, 0o600);
      const options = `--options-for=mandos-client:--connect=${relay.address},--retry=1\n`;
      put(scene.tree, 'conf/conf.d/mandos/plugin-runner.conf', options);
      put(scene.tree, 'cryptroot/crypttab', `root ${file} none luks,initramfs\n`);
      pack(scene);
      return { file, image: scene.image };
    });
    const args = ['check', '--ask-server', '--dump-json', ...images.map(({ image }) => image)];
    const child = runNode(t, PROGRAM, args);
    await child.waitForExit();
    const report = JSON.parse(child.stdout) as { readonly images: { readonly findings: Finding[] }[] };
    const asked = report.images.map(({ findings: all }) => said(all.filter(isAsked)));
    assert.deepEqual(
      asked,
      images.map(({ file }) => [
        `ok server: the password from ::1 port ${relay.port} decrypts`,
        `ok volumes: the password opens root (${file})`,
      ]),
      child.output,
    );
    assert.deepEqual([...relay.users], ['65534']);
  },
);

const isAsked = ({ check, message }: Finding) => check === 'server' || message.includes('the password opens');
