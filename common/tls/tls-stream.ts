import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { copyFromNative } from '../libc.js';
import * as gnutls from './gnutls.js';
import { MemoryTransport } from './memory-transport.js';
import { keyId } from './raw-public-key.js';
import type { TlsContext } from './tls-context.js';
import { connectionClosed, TlsError } from './tls-error.js';

export interface TlsStreamOptions {
  /** In TLS's terms; the Mandos server is the TLS client. */
  readonly role: 'client' | 'server';
  readonly context: TlsContext;
  /** Milliseconds for the whole handshake. */
  readonly handshakeTimeoutMs: number;
  /** Bytes that were read from the socket already and belong to TLS. */
  readonly head?: Uint8Array;
}

/** Ciphertext kept before the socket is told to wait: some TLS records. */
const INBOUND_HIGH_WATER_BYTES = 64 * 1024;
/** Application data of one TLS record (RFC 8446 section 5.1). */
const RECORD_BYTES = 16 * 1024;

/** Where every stream decrypts to; what comes here is copied out and overwritten before the call returns. */
const plaintext = Buffer.allocUnsafeSlow(RECORD_BYTES);

/**
 * TLS 1.3 with raw public keys over a connected socket, which the stream owns from now on. 'secure' follows a
 * complete handshake and, in the client role, a proven raw public key; before it nothing is readable or written.
 * Ending the stream sends close_notify and FIN; destroying it frees the session and closes the socket.
 */
export class TlsStream extends Duplex {
  readonly #socket: Socket;
  readonly #role: 'client' | 'server';
  readonly #transport = new MemoryTransport();
  #session: gnutls.Session | undefined;
  #secure = false;
  #readWanted = false;
  #peerPublicKey: Buffer | undefined;
  readonly #handshakeTimer: NodeJS.Timeout;

  constructor(socket: Socket, options: TlsStreamOptions) {
    super();
    const { role, context, handshakeTimeoutMs, head } = options;
    this.#socket = socket;
    this.#role = role;
    this.#session = gnutls.createSession(role, context.priorities, context.credentials);
    this.#handshakeTimer = setTimeout(() => {
      this.destroy(
        new TlsError('TLS_TIMEOUT', `TLS handshake not complete after ${handshakeTimeoutMs / 1000} s`),
      );
    }, handshakeTimeoutMs);
    if (head) this.#transport.receive(head);
    socket.on('data', (chunk: Buffer) => {
      this.#transport.receive(chunk);
      this.#advance();
    });
    socket.on('end', () => {
      this.#transport.inboundEnded = true;
      this.#advance();
    });
    socket.on('error', error => this.destroy(error));
    socket.on('close', () => {
      // After the peer's FIN, what it has sent can still be read.
      if (!this.#transport.inboundEnded) this.destroy(connectionClosed());
    });
    // Not at once: whoever made the stream first gets to listen to it.
    process.nextTick(() => this.#advance());
  }

  /** Key ID of the peer's raw public key: in the client role, from 'secure' on. */
  get peerKeyId(): string | undefined {
    return this.#peerPublicKey && keyId(this.#peerPublicKey);
  }

  /** Does whatever the bytes that have come allow. */
  #advance(): void {
    if (this.#session === undefined || this.destroyed) return;
    if (!this.#secure) this.#handshake(this.#session);
    if (this.#secure) this.#receive();
  }

  #handshake(session: gnutls.Session): void {
    let before: number;
    let result: number;
    // Behind a piece of a message that has a record of its own, GnuTLS asks for more though more has come: no event
    // would tell of that again.
    do {
      before = this.#transport.inboundBytes;
      result = gnutls.handshake(session, this.#transport);
    } while (result === gnutls.E_AGAIN && this.#transport.inboundBytes < before);
    if (result < 0 && result !== gnutls.E_AGAIN) {
      const reason = gnutls.describeResult(session, result);
      gnutls.sendAlert(session, this.#transport, result);
      this.#flush();
      this.destroy(new TlsError('TLS_HANDSHAKE', `TLS handshake failed: ${reason}`));
      return;
    }
    this.#flush();
    if (result === gnutls.E_AGAIN) return;
    const fault = this.#role === 'client' ? this.#identifyPeer(session) : undefined;
    if (fault) {
      gnutls.closeNotify(session, this.#transport);
      this.#flush();
      this.destroy(fault);
      return;
    }
    clearTimeout(this.#handshakeTimer);
    this.#secure = true;
    this.emit('secure');
  }

  /** Without this check an X.509 certificate's bytes would be taken for a raw public key. */
  #identifyPeer(session: gnutls.Session): TlsError | undefined {
    const certificate = gnutls.peerCertificate(session);
    if (gnutls.peerCertificateType(session) !== gnutls.CRT_RAWPK || !certificate) {
      return new TlsError('TLS_CERTIFICATE_TYPE', 'peer showed no raw public key (RFC 7250)');
    }
    this.#peerPublicKey = copyFromNative(certificate.address, certificate.bytes);
    return undefined;
  }

  #receive(): void {
    while (this.#readWanted && this.#session !== undefined && !this.destroyed) {
      const result = gnutls.receive(this.#session, this.#transport, plaintext);
      // GnuTLS may have answered by itself, a key update for example.
      this.#flush();
      if (result > 0) {
        const chunk = Buffer.allocUnsafeSlow(result);
        plaintext.copy(chunk, 0, 0, result);
        plaintext.fill(0, 0, result);
        this.#readWanted = this.push(chunk);
      } else if (result === gnutls.E_AGAIN) {
        break;
      } else if (result === 0 || result === gnutls.E_PREMATURE_TERMINATION) {
        // What is carried here ends itself or proves itself whole (OpenPGP), so that a missing close_notify of old
        // peers does no harm.
        this.#readWanted = false;
        this.push(null);
      } else {
        const reason = gnutls.describeResult(this.#session, result);
        gnutls.sendAlert(this.#session, this.#transport, result);
        this.#flush();
        this.destroy(new TlsError('TLS_RECORD', `TLS session failed: ${reason}`));
      }
    }
    if (this.#transport.inboundBytes > INBOUND_HIGH_WATER_BYTES) this.#socket.pause();
  }

  #flush(done?: (error?: Error | null) => void): void {
    const outbound = this.#transport.takeOutbound();
    if (!outbound) done?.();
    else if (this.#socket.writable) this.#socket.write(outbound, done);
    else done?.(connectionClosed());
  }

  override _read(): void {
    this.#readWanted = true;
    this.#socket.resume();
    if (this.#secure) this.#receive();
  }

  override _write(chunk: Buffer, encoding: string, done: (error?: Error | null) => void): void {
    if (!this.#secure) {
      this.once('secure', () => this._write(chunk, encoding, done));
      return;
    }
    if (this.#session === undefined) {
      done(connectionClosed());
      return;
    }
    const result = gnutls.send(this.#session, this.#transport, chunk);
    if (result < 0) {
      done(new TlsError('TLS_RECORD', `cannot send: ${gnutls.describeResult(this.#session, result)}`));
    } else this.#flush(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#secure) {
      this.once('secure', () => this._final(done));
      return;
    }
    if (this.#session !== undefined) gnutls.closeNotify(this.#session, this.#transport);
    this.#flush();
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#handshakeTimer);
    if (this.#session !== undefined) gnutls.freeSession(this.#session);
    this.#session = undefined;
    this.#socket.destroy();
    done(error);
  }
}
