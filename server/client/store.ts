import type { CheckOutcome, Approval, Client } from './client.js';
import type { ClientSettings } from './settings.js';

/** Settings as a store keeps them: of the secret only what tells it from another. */
export type StoredSettings = Omit<ClientSettings, 'name' | 'secret'> & { readonly secretDigest: string };

/** What is known of a client from before a restart. Times are milliseconds since the Unix epoch. */
export interface StoredClient {
  readonly name: string;
  /** An operator has removed it: it stays away until its configuration is another than `configured`. */
  readonly removed: boolean;
  /** What the configuration said then; undefined for a client that it has never named. */
  readonly configured: StoredSettings | undefined;
  /** Settings that were changed at run time; all of them for a client that the configuration has never named. */
  readonly overrides: Partial<Omit<ClientSettings, 'name' | 'enabled'>>;
  readonly state: StoredState;
}

export type StoredState = Pick<
  Client,
  | 'createdMs'
  | 'enabled'
  | 'lastEnabledMs'
  | 'expiresMs'
  | 'lastCheckedOkMs'
  | 'lastApprovalRequestMs'
  | 'releases'
  | 'releasesSinceEnabled'
  | 'lastReleaseMs'
> & { readonly lastCheck: CheckOutcome | undefined; readonly approval: Approval | undefined };

/** What is to be kept from now on: all of it, or nothing. */
export interface StoreBatch {
  /** As they are now. */
  readonly saved: readonly Client[];
  /** Taken out by an operator: remembered as removed. */
  readonly removed: readonly Client[];
  /** Names of which nothing is kept. */
  readonly forgotten: readonly string[];
}

/** What the heart asks of a store. */
export interface ClientStore {
  /**
   * Resolves when the batch has reached the disk, where a power cut cannot undo it.
   * Called again only when the last call has settled.
   * @throws MandosError STATE when it cannot be stored; then nothing of it is
   */
  write(batch: StoreBatch): Promise<void>;
}
