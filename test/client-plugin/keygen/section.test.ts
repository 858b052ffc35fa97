import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const PASSWORD = Buffer.from([0x20, 0xff, 0x00, 0x70, 0xc3, 0x20]);

test('prints a section, and nothing else, that gives the password back byte for byte', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const { code, stdout, stderr } = await keygen(['-d', keys, '-S', '-n', 'web1', '-F', '-'], {
    input: PASSWORD,
  });
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /^\[web1\]\nhost = web1\nkey_id = [0-9a-f]{64}\nfingerprint = [0-9A-F]{40}\nsecret =\n( {4}[A-Za-z0-9+/=]{1,64}\n)+$/,
  );
  const file = join(keys, 'seckey.txt');
  const key = await readSecretKey(file, readFileSync(file));
  assert.equal(valueOf(stdout, 'fingerprint'), key.secretKey.getFingerprint().toUpperCase());
  assert.deepEqual(Buffer.from(await decryptSecret(secretOf(stdout), key)), PASSWORD);
});

test(
  'gpg decrypts the secret with its default configuration, and finds the signature good',
  requires('gpg'),
  async t => {
    for (const args of [[], ['-l', '2048', '-L', '2048']]) {
      const keys = temporaryDirectory(t);
      await keygenSucceeds('-d', keys, ...args);
      const passfile = join(temporaryDirectory(t), 'password');
      writeFileSync(passfile, PASSWORD);
      const secret = secretOf(await keygenSucceeds('-d', keys, '-S', '-F', passfile));
      const gpg = gpgWithHome(t);
      gpg(['--import', join(keys, 'seckey.txt')]);
      const blob = join(temporaryDirectory(t), 'blob');
      writeFileSync(blob, secret);
      // gpg would fail without the modification detection code, or with another than AES.
      assert.deepEqual(gpg(['--decrypt', blob]), PASSWORD);
      assert.match(gpg(['--status-fd=1', '--decrypt', blob]).toString('latin1'), /^\[GNUPG:\] GOODSIG /m);
    }
  },
);

test('takes keys that the original made', requires('mandos-client', 'gpg', 'certtool'), async t => {
  for (const args of [[], ['-T', 'ecdsa'], ['-t', 'DSA', '-s', 'ELG-E']]) {
    const keys = temporaryDirectory(t);
    realKeygen('-d', keys, '-l', '2048', '-L', '2048', '-n', 'web1', ...args);
    const passfile = join(temporaryDirectory(t), 'password');
    writeFileSync(passfile, PASSWORD);
    const ours = await keygenSucceeds('-d', keys, '-S', '-n', 'web1', '-F', passfile);
    const real = realKeygen('-d', keys, '-S', '-n', 'web1', '-F', passfile);
    for (const option of ['host', 'key_id', 'fingerprint']) {
      assert.equal(valueOf(ours, option), valueOf(real, option), option);
    }
    const file = join(keys, 'seckey.txt');
    const key = await readSecretKey(file, readFileSync(file));
    for (const section of [ours, real]) {
      assert.deepEqual(Buffer.from(await decryptSecret(secretOf(section), key)), PASSWORD);
    }
  }
});

test('the name is the full name of this machine unless given', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const { stdout } = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'x' });
  const fullName = command('sh', ['-c', 'hostname --fqdn || hostname']).toString().trim();
  assert.equal(stdout.split('\n', 1)[0], `[${fullName}]`);
});

test('a newline at the end of the file is kept, with a warning', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const { stdout, stderr } = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'secret password\n' });
  assert.match(stderr, /^mandos-keygen: warning: standard input ends in a newline.*\n$/);
  const file = join(keys, 'seckey.txt');
  const key = await readSecretKey(file, readFileSync(file));
  const decrypted = Buffer.from(await decryptSecret(secretOf(stdout), key));
  assert.equal(decrypted.toString(), 'secret password\n');
});

test('an empty or absent password is refused', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const empty = await keygen(['-d', keys, '-F', '-'], { input: '' });
  assert.deepEqual([empty.code, empty.stdout], [1, '']);
  assert.match(empty.stderr, /standard input is empty/);
  const absent = await keygen(['-d', keys, '-F', join(keys, 'nothing')]);
  assert.deepEqual([absent.code, absent.stdout], [1, '']);
  assert.match(absent.stderr, /cannot read the password from .*nothing/);
});

/** What mandos-keygen says of a directory of which one file was changed, by name. */
async function complaint(keys: string): Promise<string> {
  const { code, stdout, stderr } = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'hunter2 xyzzy' });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^mandos-keygen: error: [^\n]*\n$/);
  assert.doesNotMatch(stderr, /xyzzy|PRIVATE KEY-----/);
  return stderr;
}

test('files that do not fit together, are missing or damaged are named', async t => {
  const [keys, other] = [temporaryDirectory(t), temporaryDirectory(t)];
  await Promise.all([keygenSucceeds('-d', keys), keygenSucceeds('-d', other)]);
  const path = (name: string) => join(keys, name);
  const original = new Map(KEY_FILES.map(name => [name, readFileSync(path(name), 'utf8')]));
  const complaintWith = async (name: string, content: string | undefined) => {
    rmSync(path(name));
    if (content !== undefined) writeFileSync(path(name), content);
    const text = await complaint(keys);
    writeFileSync(path(name), original.get(name) ?? '');
    return text;
  };
  const of = (name: string) => readFileSync(join(other, name), 'utf8');

  assert.match(
    await complaintWith('tls-pubkey.pem', of('tls-pubkey.pem')),
    /tls-pubkey\.pem does not belong to .*tls-privkey\.pem/,
  );
  assert.match(
    await complaintWith('pubkey.txt', of('pubkey.txt')),
    /pubkey\.txt does not belong to .*seckey\.txt/,
  );
  for (const name of KEY_FILES) {
    assert.match(await complaintWith(name, undefined), new RegExp(`has no ${name}`));
    assert.match(await complaintWith(name, ''), new RegExp(`/${name} is `));
    const whole = original.get(name) ?? '';
    const middle = whole.lastIndexOf('\n-----END') - 20;
    const damaged = `${whole.slice(0, middle)}${whole.slice(middle + 8)}`;
    assert.match(await complaintWith(name, damaged), new RegExp(`/${name} (is|holds) `));
  }
  assert.match(
    await complaintWith('tls-pubkey.pem', of('tls-privkey.pem')),
    /holds a PRIVATE KEY, not a PUBLIC KEY/,
  );
  assert.match(
    await complaintWith('seckey.txt', of('pubkey.txt')),
    /seckey\.txt is not an OpenPGP secret key .*"mandos-keygen --force --dir=/,
  );
  // All is as before: the test above has found what it was looking for, not something it broke itself.
  await keygenSucceeds('-d', keys, '-S', '-F', path('pubkey.txt'));
});

test('a directory without keys is told from one that lacks some', async t => {
  const nowhere = join(temporaryDirectory(t), 'nowhere');
  assert.match(
    await complaint(nowhere),
    /nowhere has no seckey\.txt, .*make keys with "mandos-keygen --dir=.*nowhere"/,
  );
});

test(
  'keys that cannot encrypt, or not without a person, are refused',
  requires('gpg', 'openssl'),
  async t => {
    const gpg = gpgWithHome(t);
    const keys = temporaryDirectory(t);
    await keygenSucceeds('-d', keys);
    const replace = (name: string, content: Uint8Array) => {
      rmSync(join(keys, name));
      writeFileSync(join(keys, name), content);
    };
    const use = (user: string, ...args: string[]) => {
      replace('seckey.txt', gpg([...args, '--armor', '--export-secret-keys', user]));
      replace('pubkey.txt', gpg(['--armor', '--export', user]));
    };
    const pass = (text: string) => ['--pinentry-mode=loopback', `--passphrase=${text}`];
    const old = ['--faked-system-time=20200101T000000!'];

    gpg([...pass(''), '--quick-generate-key', 'signer', 'rsa2048', 'sign', 'never']);
    use('signer', ...pass(''));
    assert.match(await complaint(keys), /cannot encrypt .*seckey\.txt.*--force/);

    gpg([...pass(''), ...old, '--quick-generate-key', 'expired', 'rsa2048', 'default', '2020-02-01']);
    use('expired', ...pass(''));
    assert.match(await complaint(keys), /cannot encrypt .*expired.*--force/);

    gpg([...pass('abc'), '--quick-generate-key', 'protected', 'rsa2048', 'default', 'never']);
    use('protected', ...pass('abc'));
    assert.match(await complaint(keys), /seckey\.txt is protected by a passphrase/);

    const other = temporaryDirectory(t);
    await keygenSucceeds('-d', other);
    for (const name of ['seckey.txt', 'pubkey.txt']) {
      rmSync(join(keys, name));
      copyFileSync(join(other, name), join(keys, name));
    }
    const encrypted = command('openssl', [
      'genpkey',
      '-algorithm',
      'ed25519',
      '-aes256',
      '-pass',
      'pass:abc',
    ]);
    replace('tls-privkey.pem', encrypted);
    assert.match(await complaint(keys), /tls-privkey\.pem is protected by a passphrase/);
  },
);

test('a file without end, or too long for a client, is refused', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const endless = await keygen(['-d', keys, '-F', '/dev/zero']);
  assert.deepEqual([endless.code, endless.stdout], [1, '']);
  assert.match(endless.stderr, /^mandos-keygen: error: \/dev\/zero has more than 65536 bytes.*\n$/);
  // The password fits, and what encryption adds does not.
  const long = await keygen(['-d', keys, '-F', '-'], { input: Buffer.alloc(65_536, 0x78) });
  assert.deepEqual([long.code, long.stdout], [1, '']);
  assert.match(long.stderr, /encrypted password has \d+ bytes, and mandos-client takes 65536/);
});

test('options that have nothing to do with a section are said to have no effect', async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const args = ['-d', keys, '-S', '-F', '-', '--force', '--type=DSA'];
  const { code, stdout, stderr } = await keygen(args, { input: 'x' });
  assert.equal(code, 0);
  assert.match(stdout, /^secret =$/m);
  assert.equal(
    stderr,
    ['force', 'type']
      .map(name => `mandos-keygen: warning: --${name} has no effect with --password and --passfile\n`)
      .join(''),
  );
});

test(
  'a machine of which the name would be the section of all is told so',
  requires('root', 'unshare'),
  async t => {
    const keys = temporaryDirectory(t);
    await keygenSucceeds('-d', keys);
    const script = 'hostname DEFAULT && exec "$@" </dev/null';
    const args = [
      '--uts',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      MANDOS_KEYGEN,
      '-d',
      keys,
      '-S',
      '-F',
      '-',
    ];
    const child = new Child('unshare', args, {});
    assert.equal((await child.waitForExit()).code, 1);
    assert.equal(child.stdout, '');
    assert.match(child.stderr, /--name: "DEFAULT" cannot name a section/);
  },
);
