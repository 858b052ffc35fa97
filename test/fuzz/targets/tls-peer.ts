import {
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** TLS_AES_256_GCM_SHA384 (RFC 8446 section B.4). */
const SUITE = 0x1302;
const HASH = 'sha384';
const HASH_BYTES = 48;
const CURVES = new Map([
  [0x17, 'prime256v1'],
  [0x18, 'secp384r1'],
  [0x19, 'secp521r1'],
]);
const MODERN_CURVES = new Map<number, 'x25519' | 'x448'>([
  [0x1d, 'x25519'],
  [0x1e, 'x448'],
]);
const KEY_SHARE = 51;
const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;
const HANDSHAKE = 22;
const HEAD_BYTES = 4;
/** Zeros at the end of a message, in whose place comes what is right: a signature by Ed25519. */
const SIGNATURE_BYTES = 64;

const hash = (...parts: readonly Buffer[]) => createHash(HASH).update(Buffer.concat(parts)).digest();
const hmac = (key: Buffer, data: Buffer) => createHmac(HASH, key).update(data).digest();

/** RFC 8446 section 7.1; no output is longer than a hash. */
function expandLabel(secret: Buffer, label: string, context: Buffer, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([
    Buffer.from([0, bytes, name.length]),
    name,
    Buffer.from([context.length]),
    context,
    Buffer.from([1]),
  ]);
  return hmac(secret, info).subarray(0, bytes);
}

/** Vectors with a length before them. */
export function vector(lengthBytes: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

/** A handshake message. */
export function message(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([type]), vector(3, ...parts)]);
}

/** What a TLS server with a raw public key says behind its ServerHello; signature and MAC are left to be filled in. */
export function serverFlight(spki: Uint8Array): Buffer {
  return Buffer.concat([
    message(8, vector(2, Buffer.from([0, 20, 0, 1, 2]))),
    message(11, Buffer.from([0]), vector(3, vector(3, spki), Buffer.from([0, 0]))),
    message(CERTIFICATE_VERIFY, Buffer.from([8, 7]), vector(2, Buffer.alloc(SIGNATURE_BYTES))),
    message(FINISHED, Buffer.alloc(HASH_BYTES)),
  ]);
}

/**
 * A TLS 1.3 server that says whatever it is told to, under the right keys and with the right signature and MAC: what a
 * program does with it after decryption is the question.
 */
export class TlsPeer {
  readonly #key: KeyObject;

  /** @param key its own, Ed25519: what it can prove */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /**
   * @param hello the record that the client begins with
   * @param said handshake messages up to Finished, and then records of any type: type, length of two bytes, content
   */
  answer(hello: Buffer, said: Buffer): Buffer {
    const clientHello = hello.subarray(5, 5 + hello.readUInt16BE(3));
    const { share, secret } = this.#agree(clientHello);
    const session = vector(1, clientHello.subarray(39, 39 + (clientHello[38] ?? 0)));
    const extensions = vector(
      2,
      Buffer.from([0, 43, 0, 2, 3, 4]),
      Buffer.from([0, KEY_SHARE]),
      vector(2, share),
    );
    const suite = Buffer.from([SUITE >> 8, SUITE & 0xff, 0]);
    const serverHello = message(2, Buffer.from([3, 3]), Buffer.alloc(32, 0x55), session, suite, extensions);
    const zeros = Buffer.alloc(HASH_BYTES);
    const early = hmac(zeros, zeros);
    const handshakeSecret = hmac(expandLabel(early, 'derived', hash(), HASH_BYTES), secret);
    const traffic = expandLabel(handshakeSecret, 's hs traffic', hash(clientHello, serverHello), HASH_BYTES);
    const { bytes, rest } = this.#complete(said, [clientHello, serverHello], traffic);
    const master = hmac(expandLabel(handshakeSecret, 'derived', hash(), HASH_BYTES), zeros);
    const application = expandLabel(
      master,
      's ap traffic',
      hash(clientHello, serverHello, bytes),
      HASH_BYTES,
    );
    const protect = sealer(traffic);
    const records = [plain(HANDSHAKE, serverHello)];
    for (let at = 0; at < bytes.length; at += 16_000)
      records.push(protect(HANDSHAKE, bytes.subarray(at, at + 16_000)));
    const protectLater = sealer(application);
    for (let at = 0; at + 3 <= rest.length;) {
      const end = at + 3 + rest.readUInt16BE(at + 1);
      records.push(protectLater(rest[at] ?? 0, rest.subarray(at + 3, end)));
      at = end;
    }
    return Buffer.concat(records);
  }

  /** Takes the first share of the client's that it knows (RFC 8446 section 4.2.8). */
  #agree(clientHello: Buffer): { share: Buffer; secret: Buffer } {
    for (const [group, theirs] of keyShares(clientHello)) {
      const id = Buffer.from([0, group]);
      const curve = CURVES.get(group);
      if (curve !== undefined) {
        const ecdh = createECDH(curve);
        const share = Buffer.concat([id, vector(2, ecdh.generateKeys())]);
        return { share, secret: ecdh.computeSecret(theirs) };
      }
      const modern = MODERN_CURVES.get(group);
      if (modern === undefined) continue;
      const pair = modern === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('x448');
      const raw = (key: KeyObject) => Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
      const jwk = {
        kty: 'OKP',
        crv: modern === 'x25519' ? 'X25519' : 'X448',
        x: theirs.toString('base64url'),
      };
      const secret = diffieHellman({
        privateKey: pair.privateKey,
        publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
      });
      return { share: Buffer.concat([id, vector(2, raw(pair.publicKey))]), secret };
    }
    throw new Error('the client offers no group that is known here');
  }

  /** Fills in signature and MAC where zeros stand for them. */
  #complete(said: Buffer, before: readonly Buffer[], traffic: Buffer): { bytes: Buffer; rest: Buffer } {
    const messages: Buffer[] = [];
    for (let at = 0; at < said.length;) {
      const end = at + HEAD_BYTES > said.length ? said.length : at + HEAD_BYTES + said.readUIntBE(at + 1, 3);
      const next = Buffer.from(said.subarray(at, end));
      at = Math.min(end, said.length);
      const transcript = hash(...before, ...messages);
      if (next[0] === CERTIFICATE_VERIFY && endsInZeros(next, SIGNATURE_BYTES)) {
        const context = Buffer.concat([
          Buffer.alloc(64, 0x20),
          Buffer.from('TLS 1.3, server CertificateVerify\0'),
          transcript,
        ]);
        sign(null, context, this.#key).copy(next, next.length - SIGNATURE_BYTES);
      } else if (next[0] === FINISHED && endsInZeros(next, HASH_BYTES)) {
        const key = expandLabel(traffic, 'finished', Buffer.alloc(0), HASH_BYTES);
        hmac(key, transcript).copy(next, next.length - HASH_BYTES);
        return { bytes: Buffer.concat([...messages, next]), rest: said.subarray(at) };
      }
      messages.push(next);
    }
    return { bytes: Buffer.concat(messages), rest: Buffer.alloc(0) };
  }
}

function* keyShares(clientHello: Buffer): Generator<[number, Buffer]> {
  let at = 39 + (clientHello[38] ?? 0);
  at += 2 + clientHello.readUInt16BE(at);
  at += 1 + (clientHello[at] ?? 0) + 2;
  while (at + 4 <= clientHello.length) {
    const end = at + 4 + clientHello.readUInt16BE(at + 2);
    const isKeyShare = clientHello.readUInt16BE(at) === KEY_SHARE;
    if (isKeyShare) yield* sharesWithin(clientHello.subarray(at + 6, end));
    at = end;
  }
}

function* sharesWithin(shares: Buffer): Generator<[number, Buffer]> {
  for (let at = 0; at + 4 <= shares.length;) {
    const end = at + 4 + shares.readUInt16BE(at + 2);
    yield [shares.readUInt16BE(at), shares.subarray(at + 4, end)];
    at = end;
  }
}

function endsInZeros(bytes: Buffer, count: number): boolean {
  return bytes.length >= count + HEAD_BYTES && bytes.subarray(-count).every(byte => byte === 0);
}

function plain(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3]), vector(2, content)]);
}

/** Protects records one after the other (RFC 8446 section 5.2). */
function sealer(secret: Buffer): (type: number, content: Buffer) => Buffer {
  const key = expandLabel(secret, 'key', Buffer.alloc(0), 32);
  const iv = expandLabel(secret, 'iv', Buffer.alloc(0), 12);
  let count = 0;
  return (type, content) => {
    const nonce = Buffer.from(iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ count++) >>> 0, 8);
    const head = Buffer.from([23, 3, 3, 0, 0]);
    head.writeUInt16BE((content.length + 17) & 0xffff, 3);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(head);
    return Buffer.concat([
      head,
      cipher.update(Buffer.concat([content, Buffer.from([type])])),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  };
}
