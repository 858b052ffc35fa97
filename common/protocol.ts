/** The Mandos network protocol, version 1: mandos(8), section NETWORK PROTOCOL. */

/** DNS-SD service type of a Mandos server (RFC 6763 section 4.1.2). */
export const SERVICE_TYPE = '_mandos._tcp';
export const SERVICE_NAME = 'Mandos';

export const PROTOCOL_VERSION = '1';
/** What a client sends before TLS starts. */
export const GREETING = `${PROTOCOL_VERSION}\r\n`;

/** GnuTLS priority string of clients, and of both ends of the original: raw public keys (RFC 7250) over TLS 1.3 only. */
export const CLIENT_PRIORITY =
  'SECURE128:!CTYPE-X.509:+CTYPE-RAWPK:!RSA:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA';

/**
 * The server's allows the same, but finite fields below 128 bits, and X448, which GnuTLS before 3.6.12 does not know. It
 * says what it likes best: the client chooses by the server's order. X25519 and ChaCha20 (whose hash is SHA-256) take two
 * thirds of the CPU time that GnuTLS's own order takes for a handshake, on both ends.
 */
export const SERVER_PRIORITY = [
  CLIENT_PRIORITY,
  '-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1',
  '+GROUP-FFDHE3072:+GROUP-FFDHE4096:+GROUP-FFDHE6144:+GROUP-FFDHE8192',
  '-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM:+AES-128-CCM',
].join(':');

/**
 * Bytes a secret may have at the client. An OpenPGP message around a password takes some hundred bytes to a few
 * kilobytes; anybody can pretend to be a server, and must neither fill a small initramfs nor keep its processor busy.
 */
export const SECRET_LIMIT_BYTES = 64 * 1024;

/** Lower-case hexadecimal without spaces, as key IDs and fingerprints are compared. */
export function normalizeHex(text: string): string {
  return text.replace(/\s+/g, '').toLowerCase();
}

/** The protocol version that a greeting line asks for: its first field. */
export function greetingVersion(line: string): string {
  return line.trim().split(/\s+/, 1)[0] ?? '';
}
