import { MandosError } from '../errors.js';

/** A TLS session that failed: TLS_HANDSHAKE, TLS_TIMEOUT, TLS_CERTIFICATE_TYPE, TLS_RECORD or TLS_CLOSED. */
export class TlsError extends MandosError {
  override readonly name = 'TlsError';
}
