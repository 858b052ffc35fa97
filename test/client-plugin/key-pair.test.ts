import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { checkKeyPair } from '../../client-plugin/key-pair.js';
import { makeTlsKey } from '../support/keys.js';

for (const type of ['ed25519', 'ed448', 'ecdsa', 'rsa'] as const) {
  test(`halves of one ${type} pair are told from those of two`, () => {
    const [one, other] = [makeTlsKey(type), makeTlsKey(type)];
    const spki = checkKeyPair('/k/pub', one.publicKey, '/k/priv', one.privateKey);
    assert.equal(createHash('sha256').update(spki).digest('hex'), one.keyId);
    assert.throws(() => checkKeyPair('/k/pub', other.publicKey, '/k/priv', one.privateKey), {
      code: 'TLS_KEY',
      message:
        '/k/pub does not belong to /k/priv: restore the one that does, or make new keys with "mandos-keygen --force"',
    });
  });
}

test('a file without a key is named, without what is in it', () => {
  const { publicKey, privateKey } = makeTlsKey();
  const damaged = (pem: Buffer) => Buffer.from(pem.toString().replace(/\n.{9}/, '\n'));
  for (const [pub, priv, file] of [
    [damaged(publicKey), privateKey, '/k/pub'],
    [publicKey, damaged(privateKey), '/k/priv'],
    [publicKey, Buffer.alloc(0), '/k/priv'],
  ] as const) {
    assert.throws(() => checkKeyPair('/k/pub', pub, '/k/priv', priv), {
      code: 'TLS_KEY',
      message: `${file} holds no key that can be used: restore it, or make new keys with "mandos-keygen --force"`,
    });
  }
});
