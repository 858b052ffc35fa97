/**
 * What is done about a request of a client whose checker still succeeds: nothing, an alarm, or an alarm and a refusal
 * (mandos-clients.conf(5), IMPOSTORS).
 */
export type ReleaseCheck = 'off' | 'warn' | 'deny';
export const RELEASE_CHECKS: readonly ReleaseCheck[] = ['off', 'warn', 'deny'];

/** What clients.conf says of one client, parsed and in units (mandos-clients.conf(5)). */
export interface ClientSettings {
  readonly name: string;
  /** SHA-256 of the TLS public key: 64 lower-case hexadecimal digits; at least this or `fingerprint` is set. */
  readonly keyId: string | undefined;
  /** OpenPGP fingerprint, lower-case hexadecimal. Kept for D-Bus and the files; it authenticates nobody any more. */
  readonly fingerprint: string | undefined;
  /** What a release sends, to the byte. */
  readonly secret: Uint8Array;
  /** Whom the checker asks; '' when not configured. */
  readonly host: string;
  /** Shell command after start-time expansion; `%(name)s` in it is expanded at run time. */
  readonly checker: string;
  readonly timeoutMs: number;
  readonly extendedTimeoutMs: number;
  readonly intervalMs: number;
  readonly approvalDelayMs: number;
  readonly approvalDurationMs: number;
  readonly approvedByDefault: boolean;
  readonly enabled: boolean;
  readonly releaseCheck: ReleaseCheck;
  /** Releases since the client was enabled; 0 for no limit. */
  readonly maxReleases: number;
  /** When it may have its secret, as parseReleaseWindow() writes it; '' for always. */
  readonly releaseWindow: string;
}

/** What the original's server does not have. */
export type OwnSetting = 'releaseCheck' | 'maxReleases' | 'releaseWindow';
