import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { makeRealKeys } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';
import { ask, assertUnlocks, connectTo, MEETING, PASSWORD, serve, twoHosts } from './scene.js';

/** One set of keys, used by all pairs of programs over --connect. */
async function assertServesAll(t: TestContext, make: (directory: string) => Promise<Keys>): Promise<void> {
  const { lan, server, client } = await twoHosts(t);
  const original = await lan.host('original');
  const keys = await make(lan.directory);
  const args = (port: number) => ({ args: ['--no-zeroconf', `--port=${port}`] });
  const ours = await serve('ours', server, keys.section, args(0));
  await assertUnlocks(ask('original', client, keys.keys, connectTo(server, ours.port)));
  await assertUnlocks(ask('ours', client, keys.keys, connectTo(server, ours.port)));
  const theirs = await serve('original', original, keys.section, args(4711));
  await assertUnlocks(ask('ours', client, keys.keys, connectTo(original, theirs.port)));
}

const OURS: [string, string[]][] = [
  ['Curve25519 and Ed25519, the defaults', []],
  ['RSA and Ed25519', ['--type=RSA', '--length=2048', '--subtype=RSA', '--sublength=2048']],
  ['Curve25519 and ECDSA', ['--tls-keytype=ecdsa']],
  ['Curve25519 and RSA', ['--tls-keytype=rsa']],
];
for (const [name, keygenArgs] of OURS) {
  test(`keys of ours (${name}) and a secret of ours serve all programs`, MEETING, t =>
    assertServesAll(t, directory => makeKeys(directory, 'client1', PASSWORD, keygenArgs)),
  );
}

test("the original's keys and a secret made by gpg serve all programs", MEETING, t =>
  assertServesAll(t, async directory => {
    const { keyDirectory, clientSection } = await makeRealKeys(directory, 'client1', PASSWORD);
    return { keys: keyDirectory, section: clientSection, bytes: 0 };
  }),
);

test("the original's keys and a secret of ours serve all programs", MEETING, t =>
  assertServesAll(t, async directory => {
    const { keyDirectory } = await makeRealKeys(directory, 'client1', PASSWORD);
    return { ...(await makeKeys(directory, 'unused', PASSWORD)), ...secretFor(keyDirectory) };
  }),
);

/** A section with a secret made by this project's mandos-keygen for keys that are there already. */
function secretFor(keyDirectory: string): Pick<Keys, 'keys' | 'section'> {
  const scratch = mkdtempSync(join(tmpdir(), 'mandos-ts-keys-'));
  try {
    const passFile = join(scratch, 'password');
    writeFileSync(passFile, PASSWORD, { mode: 0o600 });
    const keygen = join(import.meta.dirname, '../../client-plugin/keygen/mandos-keygen.js');
    const args = [`--dir=${keyDirectory}`, '--name=client1', '--no-ssh', `--passfile=${passFile}`];
    const section = execFileSync(process.execPath, [keygen, ...args], { encoding: 'utf8' });
    assert.match(section, /^\[client1\]$/m);
    return { keys: keyDirectory, section };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
