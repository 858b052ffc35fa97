import type { SshFingerprint } from './ssh-fingerprint.js';

/** Base64 characters in a line (RFC 4880 section 6.3 allows 76). */
const BASE64_LINE = 64;

/** What the server has to know about a client. */
export interface SecretSection {
  readonly name: string;
  readonly keyId: string;
  readonly fingerprint: string;
  /** OpenPGP message. */
  readonly secret: Uint8Array;
  readonly ssh: SshFingerprint | undefined;
}

/**
 * A section of mandos-clients.conf(5), as either server accepts it. The checker asks for the SSH key that the client
 * had when the section was made; the server expands `%%(host)s` at each check and `%(ssh_fingerprint)s` on reading.
 */
export function formatSecretSection({ name, keyId, fingerprint, secret, ssh }: SecretSection): string {
  const base64 = Buffer.from(secret).toString('base64');
  const lines = [
    `[${name}]`,
    `host = ${name}`,
    `key_id = ${keyId}`,
    `fingerprint = ${fingerprint}`,
    'secret =',
    ...(base64.match(new RegExp(`.{1,${BASE64_LINE}}`, 'g')) ?? []).map(line => `    ${line}`),
  ];
  if (ssh !== undefined) {
    lines.push(
      `checker = ssh-keyscan -t ${ssh.keyType} %%(host)s 2>/dev/null | grep --fixed-strings --line-regexp --quiet --regexp=%%(host)s" %(ssh_fingerprint)s"`,
      `ssh_fingerprint = ${ssh.key}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
