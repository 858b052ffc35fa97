import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { OpenPgpKey } from '../../client-plugin/decrypt.js';
import { decryptSecret, readSecretKey } from '../../client-plugin/decrypt.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import { requires } from '../support/requires.js';
import type { Gpg } from './keygen/keygen.js';
import { gpgWithHome } from './keygen/keygen.js';

/** Bytes that no text encoding leaves alone. */
const PASSWORD = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x70, 0xc3, 0x0a]);

/** A key as the original's mandos-keygen asks gpg for it. */
function makeKey(gpg: Gpg, name: string, primary: string, subkey: string, length: number): Buffer {
  const parameters = [
    '%no-protection',
    `Key-Type: ${primary}`,
    `Key-Length: ${length}`,
    `Subkey-Type: ${subkey}`,
    `Subkey-Length: ${length}`,
    `Name-Real: ${name}`,
    '%commit',
  ];
  gpg(['--generate-key'], `${parameters.join('\n')}\n`);
  return gpg(['--armor', '--export-secret-keys', name]);
}

async function hasCode(code: string, decrypting: Promise<unknown>, text: RegExp = /./): Promise<void> {
  await assert.rejects(decrypting, error => {
    const { code: actual, message } = error as { code?: string; message: string };
    assert.equal(actual, code, message);
    assert.match(message, text);
    assert.ok(!message.includes('\n'), message);
    return true;
  });
}

test('secrets made by gpg', requires('gpg'), async t => {
  const gpg = gpgWithHome(t);
  const armored = makeKey(gpg, 'client', 'RSA', 'RSA', 2048);
  const key = await readSecretKey('seckey.txt', armored);
  const encrypt = (...args: string[]) => gpg([...args, '--recipient=client', '--encrypt'], PASSWORD);

  await t.test('decrypt byte for byte, signed as mandos-keygen signs them', async () => {
    assert.deepEqual(Buffer.from(await decryptSecret(encrypt('--sign'), key)), PASSWORD);
  });

  for (const args of [
    ['--compress-algo=none'],
    ['--compress-algo=bzip2'],
    ['--cipher-algo=AES'],
    ['--cipher-algo=AES192'],
    ['--throw-keyids'],
  ]) {
    await t.test(`decrypt when made with ${args.join(' ')}`, async () => {
      assert.deepEqual(Buffer.from(await decryptSecret(encrypt(...args), key)), PASSWORD);
    });
  }

  await t.test('decrypt with a key file that is not armored', async () => {
    const binary = await readSecretKey('seckey', gpg(['--export-secret-keys', 'client']));
    assert.deepEqual(Buffer.from(await decryptSecret(encrypt(), binary)), PASSWORD);
  });

  await t.test('decrypt on a machine that believes it is 1970', async () => {
    const blob = encrypt('--sign');
    mock.timers.enable({ apis: ['Date'], now: 0 });
    try {
      const early = await readSecretKey('seckey.txt', armored);
      assert.deepEqual(Buffer.from(await decryptSecret(blob, early)), PASSWORD);
    } finally {
      mock.timers.reset();
    }
  });

  await t.test('are refused without a modification detection code', async () => {
    const blob = encrypt('--rfc2440', '--cipher-algo=CAST5');
    await hasCode('DECRYPT_NO_INTEGRITY', decryptSecret(blob, key), /mandos-keygen --password/);
  });

  for (const cipher of ['TWOFISH', 'CAMELLIA256', 'BLOWFISH']) {
    await t.test(`are refused with ${cipher}, saying what is supported`, async () => {
      await hasCode('DECRYPT_ALGORITHM', decryptSecret(encrypt(`--cipher-algo=${cipher}`), key), /AES/);
    });
  }

  await t.test('for another key name that key and ours', async () => {
    const other = await readSecretKey('other.txt', makeKey(gpg, 'other', 'RSA', 'RSA', 2048));
    const recipient = key.secretKey.getSubkeys()[0]?.getKeyID().toHex() ?? 'none';
    await hasCode(
      'DECRYPT_OTHER_KEY',
      decryptSecret(encrypt(), other),
      new RegExp(`${recipient}.*other\\.txt`),
    );
    await hasCode('DECRYPT_DAMAGED', decryptSecret(encrypt('--throw-keyids'), other));
  });

  await t.test('for a passphrase instead of a key are told from those for another key', async () => {
    const blob = gpg(['--pinentry-mode=loopback', '--passphrase=x', '--symmetric'], PASSWORD);
    await hasCode('DECRYPT_OTHER_KEY', decryptSecret(blob, key), /passphrase/);
  });

  await t.test('are damaged with one bit changed at the end, and no OpenPGP when cut off', async () => {
    const blob = encrypt();
    const changed = Buffer.from(blob);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    await hasCode('DECRYPT_DAMAGED', decryptSecret(changed, key));
    await hasCode('DECRYPT_NOT_OPENPGP', decryptSecret(blob.subarray(0, 280), key));
    await hasCode('DECRYPT_NOT_OPENPGP', decryptSecret(Buffer.alloc(0), key));
    await hasCode('DECRYPT_NOT_OPENPGP', decryptSecret(Buffer.from('secret'), key));
    await hasCode('DECRYPT_NOT_OPENPGP', decryptSecret(gpg(['--sign'], PASSWORD), key));
  });

  await t.test('with more recipients than are tried are refused before any is', async () => {
    const blob = encrypt('--throw-keyids');
    // An old-format packet with two bytes of length (RFC 4880 section 4.2.1): the session key for a hidden recipient.
    const sessionKey = blob.subarray(0, 3 + blob.readUInt16BE(1));
    assert.equal(sessionKey[0], 0x85);
    const times = (count: number) => Buffer.concat([...Array<Buffer>(count - 1).fill(sessionKey), blob]);
    assert.deepEqual(Buffer.from(await decryptSecret(times(8), key)), PASSWORD);
    await hasCode('DECRYPT_NOT_OPENPGP', decryptSecret(times(9), key), /9 keys, more than the 8/);
  });

  await t.test('that unpack to more than a secret may have are refused', async () => {
    const bomb = gpg(['--recipient=client', '--encrypt'], Buffer.alloc(SECRET_LIMIT_BYTES * 8));
    assert.ok(bomb.length < SECRET_LIMIT_BYTES / 10);
    await hasCode('DECRYPT_DAMAGED', decryptSecret(bomb, key));
  });

  await t.test('key files of other kinds are refused by name', async () => {
    const read = (bytes: Uint8Array) => readSecretKey('/keys/seckey.txt', bytes);
    const publicKey = gpg(['--armor', '--export', 'client']);
    for (const bytes of [publicKey, Buffer.alloc(0), Buffer.from('hello'), armored.subarray(0, 900)]) {
      await hasCode('KEY_FILE', read(bytes), /^\/keys\/seckey\.txt is not an OpenPGP secret key/);
    }
    const loopback = ['--pinentry-mode=loopback', '--passphrase=x'];
    gpg([...loopback, '--quick-generate-key', 'protected', 'rsa2048']);
    await hasCode(
      'KEY_FILE',
      read(gpg([...loopback, '--armor', '--export-secret-keys', 'protected'])),
      /passphrase/,
    );
  });
});

test('keys that the original made by default in other years decrypt', requires('gpg'), async t => {
  const gpg = gpgWithHome(t);
  const decrypts = async (name: string, key: OpenPgpKey) => {
    const blob = gpg(['--sign', `--local-user=${name}`, `--recipient=${name}`, '--encrypt'], PASSWORD);
    assert.deepEqual(Buffer.from(await decryptSecret(blob, key)), PASSWORD);
  };
  await decrypts('rsa', await readSecretKey('rsa', makeKey(gpg, 'rsa', 'RSA', 'RSA', 4096)));
  await decrypts('dsa', await readSecretKey('dsa', makeKey(gpg, 'dsa', 'DSA', 'ELG-E', 2048)));
});
