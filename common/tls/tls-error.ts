import { MandosError } from '../errors.js';

/** A TLS session that failed: TLS_HANDSHAKE, TLS_TIMEOUT, TLS_CERTIFICATE_TYPE, TLS_RECORD or TLS_CLOSED. */
export class TlsError extends MandosError {
  override readonly name = 'TlsError';
}

/** The peer is gone, or the stream was closed before all was sent. */
export function connectionClosed(): TlsError {
  return new TlsError('TLS_CLOSED', 'connection closed');
}
