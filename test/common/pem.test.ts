import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodePem } from '../../common/pem.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const spki = publicKey.export({ type: 'spki', format: 'der' });
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const decode = (text: string) => decodePem('key.pem', Buffer.from(text), ['PUBLIC KEY']);

test('gives the DER of the one object of its file', () => {
  assert.deepEqual(Buffer.from(decode(pem)), spki);
  assert.deepEqual(Buffer.from(decode(`a comment\n${pem.replaceAll('\n', '\r\n')}`)), spki);
});

test('says what is wrong with any other file', () => {
  const faults: Record<string, RegExp> = {
    '': /^key\.pem is empty$/,
    'not PEM': /^key\.pem is not a PEM file$/,
    [pem + pem]: /^key\.pem holds several PEM objects/,
    [privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]:
      /^key\.pem holds a PRIVATE KEY, not a PUBLIC KEY$/,
    [privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes256', passphrase: 'x' }).toString()]:
      /^key\.pem is protected by a passphrase/,
    [pem.replace(/.{8}\n-----END/, '\n-----END')]: /^key\.pem is damaged: /,
  };
  for (const [text, message] of Object.entries(faults)) {
    assert.throws(() => decode(text), { code: 'KEY_FILE', message });
  }
});
