import { lastErrno } from '../libc.js';
import * as gnutls from './gnutls.js';
import type { TlsContext } from './tls-context.js';
import { TlsError } from './tls-error.js';

/** What a step of a session has come to: it is done, goes on when the socket can be read or written, or has failed. */
export type Step = 'done' | 'read' | 'write' | TlsError;

/** Where every session decrypts to; overwritten before the call returns. */
const discarded = Buffer.allocUnsafeSlow(16 * 1024);
/** Records that a peer can have looked at in one turn: others wait as well. */
const RECORDS_AT_ONCE = 16;

/**
 * TLS 1.3 with raw public keys, in the role of the TLS client, on a connected and non-blocking socket that GnuTLS reads
 * and writes by itself. TlsStream does the same for a net.Socket, at twice the CPU time. It never waits: each step says
 * what it needs to go on, and is then called again. The socket stays the caller's.
 */
export class DescriptorSession {
  #session: gnutls.Session | undefined;
  #keyId: string | undefined;
  #sent = 0;

  constructor(fd: number, context: TlsContext) {
    this.#session = gnutls.createSession('client', context.priorities, context.credentials, fd);
  }

  /** Of the raw public key that the peer has proved to hold (raw-public-key.ts): when the handshake is done. */
  get peerKeyId(): string | undefined {
    return this.#keyId;
  }

  /** A peer that shows no raw public key is told goodbye, and is a failure: TLS_CERTIFICATE_TYPE. */
  handshake(): Step {
    const session = this.#alive();
    const result = gnutls.handshake(session);
    if (result === gnutls.E_AGAIN) return direction(session);
    if (result < 0) return this.#fail('TLS_HANDSHAKE', 'TLS handshake failed', result);
    // Without this check an X.509 certificate's bytes would be taken for a raw public key.
    const certificate = gnutls.peerCertificate(session);
    if (gnutls.peerCertificateType(session) !== gnutls.CRT_RAWPK || !certificate) {
      gnutls.closeNotify(session);
      return new TlsError('TLS_CERTIFICATE_TYPE', 'peer showed no raw public key (RFC 7250)');
    }
    this.#keyId = gnutls.sha256(certificate.address, certificate.bytes);
    return 'done';
  }

  /** Sends all of this. To be called again with the same bytes until it is done. */
  send(data: Uint8Array): Step {
    const session = this.#alive();
    while (this.#sent < data.length) {
      const result = gnutls.sendPart(session, data.subarray(this.#sent));
      if (result === gnutls.E_AGAIN) return 'write';
      if (result < 0) return this.#fail('TLS_RECORD', 'cannot send', result);
      this.#sent += result;
    }
    return 'done';
  }

  /** Says close_notify (RFC 8446 section 6.1). The peer's is not waited for. */
  closeNotify(): void {
    gnutls.closeNotify(this.#alive());
  }

  /** Takes what the peer sends, which nobody reads; done when the peer has closed. */
  discard(): Step {
    const session = this.#alive();
    for (let i = 0; i < RECORDS_AT_ONCE; i++) {
      const result = gnutls.receive(session, undefined, discarded);
      if (result > 0) discarded.fill(0, 0, result);
      else if (result === gnutls.E_AGAIN) return 'read';
      // A missing close_notify of old peers does no harm, as nothing is read.
      else if (result === 0 || result === gnutls.E_PREMATURE_TERMINATION) return 'done';
      else return this.#fail('TLS_RECORD', 'TLS session failed', result);
    }
    return 'read';
  }

  /** Frees it; nothing else may be called after that. */
  free(): void {
    if (this.#session !== undefined) gnutls.freeSession(this.#session);
    this.#session = undefined;
  }

  #alive(): gnutls.Session {
    // A session that was freed is memory that is somebody else's.
    if (this.#session === undefined) throw new TlsError('TLS_CLOSED', 'session is freed');
    return this.#session;
  }

  #fail(code: string, what: string, result: number): TlsError {
    if (result === gnutls.E_PULL_ERROR || result === gnutls.E_PUSH_ERROR) {
      return new TlsError('TLS_CLOSED', `connection failed: ${lastErrno()}`);
    }
    const session = this.#alive();
    const error = new TlsError(code, `${what}: ${gnutls.describeResult(session, result)}`);
    gnutls.sendAlert(session, undefined, result);
    return error;
  }
}

function direction(session: gnutls.Session): Step {
  return gnutls.waitsForWriting(session) ? 'write' : 'read';
}
