import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decryptSecret, readSecretKey } from '../../../client-plugin/decrypt.js';
import { Child } from '../../support/child.js';
import { MANDOS_KEYGEN } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import {
  command,
  gpgWithHome,
  KEY_FILES,
  keygen,
  keygenSucceeds,
  realKeygen,
  secretOf,
  temporaryDirectory,
  valueOf,
} from './keygen.js';

const modeOf = (file: string) => statSync(file).mode & 0o7777;

test('makes the directory for its owner alone, and four files that nobody changes', async t => {
  const directory = join(temporaryDirectory(t), 'a/b');
  assert.equal(await keygenSucceeds('-d', directory), '');
  assert.equal(modeOf(directory), 0o700);
  assert.deepEqual(readdirSync(directory).toSorted(), KEY_FILES);
  for (const file of KEY_FILES) assert.equal(modeOf(join(directory, file)), 0o400, file);
});

test('a directory that cannot be made is said in one line', async t => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  for (const directory of ['/proc/keys', '/proc/a/b', file, join(file, 'keys')]) {
    const { code, stderr } = await keygen(['-d', directory]);
    assert.equal(code, 1);
    assert.match(stderr, /^mandos-keygen: error: cannot (write|look for) keys (to|in) .*\n$/);
  }
});

test('what cannot stand in a user ID is refused before anything is written', async t => {
  const directory = join(temporaryDirectory(t), 'keys');
  const { code, stderr } = await keygen(['-d', directory, '-e', 'nonsense']);
  assert.equal(code, 1);
  assert.match(stderr, /--email/);
  assert.equal(existsSync(directory), false);
});

test('the armor says whose key it is, in any script', async t => {
  for (const name of ['web1.example.org', 'Kök 2']) {
    const directory = temporaryDirectory(t);
    await keygenSucceeds('-d', directory, '-n', name);
    for (const file of ['seckey.txt', 'pubkey.txt']) {
      const comment = /^Comment: (.*)$/m.exec(readFileSync(join(directory, file), 'utf8'))?.[1];
      assert.ok(comment?.endsWith(` ${name}`), comment);
    }
    await sectionOf(t, directory);
  }
});

test('gpg reads the keys as they were asked for', requires('gpg'), async t => {
  for (const { args, primary, subkey } of [
    { args: [], primary: /^sec:-:255:22:/m, subkey: /^ssb:-:255:18:/m },
    { args: ['-l', '2048', '-L', '3072'], primary: /^sec:-:2048:1:/m, subkey: /^ssb:-:3072:1:/m },
    {
      args: ['-t', 'RSA', '-l', '2048', '-s', 'cv25519'],
      primary: /^sec:-:2048:1:/m,
      subkey: /^ssb:-:255:18:/m,
    },
  ]) {
    const directory = temporaryDirectory(t);
    await keygenSucceeds(
      '-d',
      directory,
      '-n',
      'web1',
      '-e',
      'a@example.org',
      '-c',
      'rack 2',
      '-x',
      '1y',
      ...args,
    );
    const gpg = gpgWithHome(t);
    gpg(['--import', join(directory, 'seckey.txt')]);
    const listing = gpg(['--list-secret-keys', '--with-colons']).toString();
    assert.match(listing, primary);
    assert.match(listing, subkey);
    assert.match(listing, /^uid:.*:web1 \(rack 2\) <a@example\.org>:/m);
    const [, created, expires] = /^sec:(?:[^:]*:){4}(\d+):(\d+):/m.exec(listing) ?? [];
    assert.equal(Number(expires) - Number(created), 365 * 86400);
    const shown = gpg(['--show-keys', '--with-colons', join(directory, 'pubkey.txt')]).toString();
    assert.equal(/^fpr:.*$/m.exec(shown)?.[0], /^fpr:.*$/m.exec(listing)?.[0]);
  }
});

for (const [type, description] of Object.entries({
  ed25519: /EdDSA \(Ed25519\)/,
  ed448: /EdDSA \(Ed448\)/,
  ecdsa: /EC\/ECDSA[\s\S]*SECP384R1/,
  rsa: /RSA[\s\S]*8192 bits/,
})) {
  test(
    `certtool reads a TLS key of type ${type}, with the same key ID`,
    requires('certtool', 'gpg'),
    async t => {
      const directory = temporaryDirectory(t);
      await keygenSucceeds('-d', directory, '-T', type);
      const privateFile = join(directory, 'tls-privkey.pem');
      assert.match(command('certtool', ['--key-info', `--infile=${privateFile}`]).toString(), description);
      const passfile = join(directory, 'password');
      writeFileSync(passfile, 'x');
      const section = await keygenSucceeds('-d', directory, '-S', '-F', passfile);
      const publicFile = join(directory, 'tls-pubkey.pem');
      const keyId = command('certtool', ['--key-id', '--hash=sha256', `--infile=${publicFile}`]);
      assert.equal(valueOf(section, 'key_id'), keyId.toString().trim());
      assert.equal(
        command('certtool', ['--pubkey-info', '--load-privkey', privateFile, '--no-text']).toString(),
        readFileSync(publicFile, 'utf8'),
      );
    },
  );
}

test(
  'the original takes our keys: its section decrypts with them',
  requires('mandos-client', 'gpg'),
  async t => {
    for (const args of [[], ['-t', 'RSA', '-l', '2048', '-L', '2048', '-T', 'ecdsa']]) {
      const directory = temporaryDirectory(t);
      await keygenSucceeds('-d', directory, ...args);
      const password = Buffer.from([0xff, 0, 0x70, 0x0a]);
      const passfile = join(temporaryDirectory(t), 'password');
      writeFileSync(passfile, password);
      const [real, ours] = [
        realKeygen('-d', directory, '-S', '-n', 'c', '-F', passfile),
        await keygenSucceeds('-d', directory, '-S', '-n', 'c', '-F', passfile),
      ];
      const file = join(directory, 'seckey.txt');
      const key = await readSecretKey(file, readFileSync(file));
      for (const section of [real, ours]) {
        assert.deepEqual(Buffer.from(await decryptSecret(secretOf(section), key)), password);
      }
      const withoutSecret = (section: string) =>
        section.split('\n').filter(line => line !== '' && !line.startsWith('    '));
      assert.deepEqual(withoutSecret(ours), withoutSecret(real));
    }
  },
);

test('refuses to overwrite, naming what is there, and changes nothing', async t => {
  const directory = temporaryDirectory(t);
  await keygenSucceeds('-d', directory);
  const before = readFileSync(join(directory, 'seckey.txt'));
  const all = await keygen(['-d', directory]);
  assert.equal(all.code, 1);
  assert.match(
    all.stderr,
    /already has seckey\.txt, pubkey\.txt, tls-privkey\.pem, tls-pubkey\.pem: use --force/,
  );
  assert.deepEqual(readFileSync(join(directory, 'seckey.txt')), before);

  const partial = temporaryDirectory(t);
  writeFileSync(join(partial, 'pubkey.txt'), 'x');
  const one = await keygen(['-d', partial]);
  assert.equal(one.code, 1);
  assert.match(one.stderr, /already has pubkey\.txt, which is not a whole set of keys: use --force/);
  assert.deepEqual(readdirSync(partial), ['pubkey.txt']);
});

test('--force keeps what was there as numbered backups', async t => {
  const directory = temporaryDirectory(t);
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  await keygenSucceeds('-d', directory);
  const first = KEY_FILES.map(read);
  await keygenSucceeds('-d', directory, '--force');
  const second = KEY_FILES.map(read);
  await keygenSucceeds('-d', directory, '--force');
  const backups = KEY_FILES.flatMap(name => [`${name}.~1~`, `${name}.~2~`]);
  assert.deepEqual(readdirSync(directory).toSorted(), [...KEY_FILES, ...backups].toSorted());
  assert.deepEqual(
    KEY_FILES.map(name => read(`${name}.~1~`)),
    first,
  );
  assert.deepEqual(
    KEY_FILES.map(name => read(`${name}.~2~`)),
    second,
  );
  assert.ok(KEY_FILES.every((name, i) => read(name) !== second[i]));
});

test(
  'what cannot be written is said in one line, and nothing is left',
  requires('root', 'unshare'),
  async t => {
    const directory = temporaryDirectory(t);
    // Too small for a set of keys, which the test must not fill a real disk to find.
    const script =
      'mount -t tmpfs -o size=8k,mode=700 none "$1" && "$2" "$3" -d "$1"; echo status=$?; ls -A "$1"';
    const child = new Child(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', directory, process.execPath, MANDOS_KEYGEN],
      {},
    );
    await child.waitForExit();
    assert.equal(child.stdout, 'status=1\n');
    assert.match(child.stderr, /^mandos-keygen: error: cannot write keys to .*: no space left on device\n$/);
  },
);

/** JavaScript that node runs before the program, for its --import. */
const preload = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

/** Runs mandos-keygen, doing something to it at the nth call (from 1) of a function of node:fs. */
async function keygenHitAt(call: string, nth: number, action: string, args: readonly string[]) {
  const code = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const original = fs.${call};
    let calls = 0;
    fs.${call} = (...args) => {
      if (++calls === ${nth}) ${action};
      return original(...args);
    };
    syncBuiltinESMExports();`;
  const child = new Child(process.execPath, ['--import', preload(code), MANDOS_KEYGEN, ...args], {});
  return child.waitForExit();
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
  test(`${signal} while keys are made leaves no file`, async t => {
    const directory = join(temporaryDirectory(t), 'keys');
    const code = `
      import crypto from 'node:crypto';
      import { syncBuiltinESMExports } from 'node:module';
      crypto.generateKeyPair = () => console.error('making');
      syncBuiltinESMExports();
      setTimeout(() => {}, 600_000);`;
    const child = new Child(
      process.execPath,
      ['--import', preload(code), MANDOS_KEYGEN, '-d', directory],
      {},
    );
    t.after(() => child.kill());
    await child.waitForOutput(/making/);
    child.signal(signal);
    assert.deepEqual(await child.waitForExit(), { code: null, signal });
    assert.equal(existsSync(directory), false);
  });
}

for (const call of ['openSync', 'linkSync', 'renameSync']) {
  test(`SIGTERM at ${call}, between files, waits until the set is whole`, async t => {
    const directory = temporaryDirectory(t);
    await keygenSucceeds('-d', directory);
    const before = readFileSync(join(directory, 'seckey.txt'));
    const action = "process.kill(process.pid, 'SIGTERM')";
    const exit = await keygenHitAt(call, 3, action, ['-d', directory, '--force']);
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.deepEqual(readdirSync(directory).length, 2 * KEY_FILES.length);
    assert.notDeepEqual(readFileSync(join(directory, 'seckey.txt')), before);
    await sectionOf(t, directory);
  });
}

/** A section made with the keys in a directory: only a whole set that fits together gives one. */
async function sectionOf(t: { after(hook: () => void): void }, directory: string): Promise<string> {
  const passfile = join(temporaryDirectory(t), 'password');
  writeFileSync(passfile, 'x');
  return keygenSucceeds('-d', directory, '-S', '-F', passfile);
}

test('SIGKILL before the first file is in place leaves nothing that the next run minds', async t => {
  const directory = temporaryDirectory(t);
  const kill = "process.kill(process.pid, 'SIGKILL')";
  assert.equal((await keygenHitAt('renameSync', 1, kill, ['-d', directory])).signal, 'SIGKILL');
  const left = readdirSync(directory);
  assert.equal(left.length, KEY_FILES.length);
  for (const name of left) assert.equal(modeOf(join(directory, name)), 0o400);
  await keygenSucceeds('-d', directory);
  assert.deepEqual(readdirSync(directory).toSorted(), KEY_FILES);
  await sectionOf(t, directory);
});

for (const nth of [2, 3, 4]) {
  test(`SIGKILL after ${nth - 1} of four files: every later run says what is missing, --force mends it`, async t => {
    const directory = temporaryDirectory(t);
    const kill = "process.kill(process.pid, 'SIGKILL')";
    assert.equal((await keygenHitAt('renameSync', nth, kill, ['-d', directory])).signal, 'SIGKILL');
    const again = await keygen(['-d', directory]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /not a whole set of keys: use --force/);
    const section = await keygen(['-d', directory, '-F', '-'], { input: 'x' });
    assert.equal(section.code, 1);
    assert.match(section.stderr, /has no .*tls-pubkey\.pem: .*--force/);
    assert.equal(section.stdout, '');
    await keygenSucceeds('-d', directory, '--force');
    assert.deepEqual(
      readdirSync(directory)
        .filter(name => !name.endsWith('~'))
        .toSorted(),
      KEY_FILES,
    );
    await sectionOf(t, directory);
  });
}

for (const nth of [2, 4]) {
  test(`SIGKILL while --force has replaced half a pair (file ${nth - 1}) is found, and the backups are whole`, async t => {
    const directory = temporaryDirectory(t);
    await keygenSucceeds('-d', directory);
    const before = await sectionOf(t, directory);
    const kill = "process.kill(process.pid, 'SIGKILL')";
    await keygenHitAt('renameSync', nth, kill, ['-d', directory, '--force']);
    const mixed = await keygen(['-d', directory, '-F', '-'], { input: 'x' });
    assert.equal(mixed.code, 1);
    assert.match(mixed.stderr, /pubkey\.\w+ does not belong to .*restore/);
    for (const name of KEY_FILES) renameSync(join(directory, `${name}.~1~`), join(directory, name));
    assert.equal(valueOf(await sectionOf(t, directory), 'key_id'), valueOf(before, 'key_id'));
  });
}

test('a person is told what takes long, and what comes next for these keys', requires('script'), async t => {
  const cwd = temporaryDirectory(t);
  const onTerminal = async (args: string) => {
    const line = `"$NODE" "$KEYGEN" ${args}`;
    const child = new Child('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd,
      env: { NODE: process.execPath, KEYGEN: MANDOS_KEYGEN, SHELL: '/bin/sh', NO_COLOR: '1' },
    });
    t.after(() => child.kill());
    assert.equal((await child.waitForExit()).code, 0, child.output);
    return child.output;
  };
  const fast = await onTerminal('-d k1');
  assert.match(fast, /made new keys in k1; next: "mandos-keygen --password --dir=k1" for the server/);
  assert.doesNotMatch(fast, /RSA|initramfs/);
  assert.match(await onTerminal('-d k2 -l 2048 -s cv25519'), /making RSA keys[^]*made new keys/);
  assert.match(await onTerminal('-d k3 -L 2048 -t cv25519 -s rsa'), /making RSA keys[^]*made new keys/);
  assert.match(await onTerminal('-d k3 --force -T ecc'), /^(?!.*RSA)[^]*made new keys/);
});
