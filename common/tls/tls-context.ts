import type { Credentials, Priorities } from './gnutls.js';
import { createCredentials, createPriorities, freeCredentials, freePriorities } from './gnutls.js';

/** What many TLS sessions share: the priorities and, on the end that proves its key, the key pair. */
export class TlsContext {
  readonly priorities: Priorities;
  readonly credentials: Credentials;
  #free = false;

  /**
   * @param priority GnuTLS priority string
   * @param keyPair PEM bytes of both files; GnuTLS keeps its own copy, the caller may overwrite them afterwards
   * @throws MandosError PRIORITY_STRING, TLS_KEY, GNUTLS_MISSING or GNUTLS_TOO_OLD
   */
  constructor(priority: string, keyPair?: { publicKey: Uint8Array; privateKey: Uint8Array }) {
    this.priorities = createPriorities(priority);
    try {
      this.credentials = createCredentials(keyPair);
    } catch (error) {
      freePriorities(this.priorities);
      throw error;
    }
  }

  /** Frees the native memory. No stream of this context may be alive. */
  close(): void {
    if (this.#free) return;
    this.#free = true;
    freeCredentials(this.credentials);
    freePriorities(this.priorities);
  }
}
