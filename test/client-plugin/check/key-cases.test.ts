import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { UPDATE, makeKeys, problems, remove, nothing, configured, testCases } from './cases.js';
import { findings, makeScene, pack, put } from './scene.js';

const [KEYS, OTHER] = await Promise.all([makeKeys(), makeKeys()]);

testCases(KEYS, [
  {
    name: 'an image that others can read',
    change: nothing,
    changeImage: ({ image }) => chmodSync(image, 0o644),
    check: 'image',
    level: 'FAIL',
    says: /^its mode is 0644, so that others than root can read the private keys in it: run "chmod 0600 /,
  },
  {
    name: 'a missing key',
    change: remove('conf/conf.d/mandos/seckey.txt'),
    check: 'keys',
    level: 'FAIL',
    says: `the image has no seckey.txt in /conf/conf.d/mandos: ${UPDATE}`,
  },
  {
    name: 'keys that have been made anew since',
    change: ({ host }) => {
      for (const name of ['seckey.txt', 'pubkey.txt', 'tls-privkey.pem', 'tls-pubkey.pem']) {
        rmSync(join(host, 'etc/keys/mandos', name));
        copyFileSync(join(OTHER, name), join(host, 'etc/keys/mandos', name));
      }
    },
    check: 'keys',
    level: 'FAIL',
    says: `the image has another seckey.txt, pubkey.txt, tls-privkey.pem, tls-pubkey.pem than /etc/keys/mandos: ${UPDATE}, and see that the server has the new key_id and secret`,
  },
  {
    name: 'keys that every process could read',
    change: ({ tree }) => chmodSync(join(tree, 'conf/conf.d/mandos/tls-privkey.pem'), 0o444),
    check: 'keys',
    level: 'warning',
    says: `tls-privkey.pem can be read by every process in the initramfs: ${UPDATE}`,
  },
  {
    name: "the half of another's key pair",
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        replace(join(directory, 'tls-pubkey.pem'), join(OTHER, 'tls-pubkey.pem'));
    },
    check: 'TLS key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/tls-pubkey\.pem does not belong to \/etc\/keys\/mandos\/tls-privkey\.pem: .*"mandos-keygen --force", then run/,
  },
  {
    name: 'a damaged OpenPGP key',
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')]) {
        const key = join(directory, 'seckey.txt');
        const text = readFileSync(key, 'utf8').split('\n');
        rmSync(key);
        writeFileSync(key, [...text.slice(0, 6), ...text.slice(8)].join('\n'));
        chmodSync(key, 0o400);
      }
    },
    check: 'OpenPGP key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/seckey\.txt is not an OpenPGP secret key/,
  },
  {
    name: 'a public OpenPGP key of others',
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        replace(join(directory, 'pubkey.txt'), join(OTHER, 'pubkey.txt'));
    },
    check: 'OpenPGP key',
    level: 'warning',
    says: /pubkey\.txt does not belong to .*seckey\.txt/,
  },
  {
    name: 'a key elsewhere that is not there',
    change: configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n'),
    check: 'keys',
    level: 'FAIL',
    says: `/etc/mandos/plugin-runner.conf of the image names /conf/conf.d/mandos/x.txt in place of seckey.txt, and the image has no such file: put it into /etc/keys/mandos, which is /conf/conf.d/mandos in the image, or take the option out, then ${UPDATE}`,
  },
  {
    name: 'TLS keys elsewhere that are not there',
    change: scene => {
      configured(
        '-o mandos-client:--tls-pubkey=/keys/a.pem,--tls-privkey=/conf/conf.d/mandos/tls-privkey.pem\n',
      )(scene);
    },
    check: 'keys',
    level: 'FAIL',
    says: /names \/keys\/a\.pem in place of tls-pubkey\.pem, and the image has no such file/,
  },
  {
    name: 'a key elsewhere that is not the one of the system',
    change: ({ tree, host }) => {
      configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n')({ tree, host, image: '' });
      copyFileSync(join(KEYS, 'seckey.txt'), join(tree, 'conf/conf.d/mandos/x.txt'));
      copyFileSync(join(OTHER, 'seckey.txt'), join(host, 'etc/keys/mandos/x.txt'));
    },
    check: 'keys',
    level: 'FAIL',
    says: /^the image has another seckey\.txt than \/etc\/keys\/mandos/,
  },
  {
    name: 'a key elsewhere that is no key',
    change: ({ tree, host }) => {
      configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n')({ tree, host, image: '' });
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        writeFileSync(join(directory, 'x.txt'), 'no key', { mode: 0o400 });
    },
    check: 'OpenPGP key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/x\.txt is not an OpenPGP secret key/,
  },
  {
    name: 'a key that is not where keys are',
    change: scene => {
      configured('-o mandos-client:--seckey=/keys/x.txt\n')(scene);
      for (const root of [scene.tree, scene.host]) put(root, 'keys/x.txt', 'key', 0o400);
    },
    check: 'keys',
    level: 'warning',
    says: '/keys/x.txt is not in /conf/conf.d/mandos, and so not looked into',
  },
]);

test(
  'a key that expires soon or has expired is said, and still opens the disk',
  requires('cpio'),
  async t => {
    const scene = makeScene(t, KEYS);
    pack(scene);
    const at = async (date: string) => problems(await findings(scene, { nowMs: Date.parse(date) }));
    assert.deepEqual(await at('2029-11-01'), []);
    const [soon, ...more] = await at('2029-12-20');
    assert.equal(soon?.level, 'warning');
    assert.match(soon.message, /^expires on 20(29-12-31|30-01-01); the machine still unlocks itself/);
    assert.deepEqual(more, []);
    assert.match((await at('2030-02-01'))[0]?.message ?? '', /^expired on /);
  },
);

function replace(file_: string, by: string): void {
  rmSync(file_);
  copyFileSync(by, file_);
}
