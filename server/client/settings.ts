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
}
