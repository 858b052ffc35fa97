import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import { secretFormatProblem } from '../../common/secret-format.js';
import type { ConfigFiles } from './files.js';
import { expandPath } from './path-expansion.js';

/** A secret and what a person should know of it, or what is wrong; never with a part of it in the text. */
export type SecretOutcome =
  | { readonly secret: Uint8Array; readonly warnings: readonly string[] }
  /** `lineIndex` says which line of the value is meant. */
  | { readonly problem: string; readonly lineIndex: number };

/** Decodes the value of `secret`: base64 (RFC 4648 section 4), which may go over several lines. */
export function decodeSecret(value: string): SecretOutcome {
  const text = value.replace(/\s+/g, '');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  return isBase64 ? checked(Buffer.from(text, 'base64')) : base64Problem(text, value.split('\n'));
}

/** Which line of a text is not as base64 is, and how. */
function base64Problem(text: string, lines: readonly string[]): SecretOutcome {
  if (text === '') return { problem: 'is empty (mandos-keygen --password makes it)', lineIndex: 0 };
  const badCharacter = lines.findIndex(line => /[^A-Za-z0-9+/=\s]/.test(line));
  if (badCharacter >= 0) {
    return { problem: 'has a character that is not base64 (A-Z a-z 0-9 + / =)', lineIndex: badCharacter };
  }
  if (/=[^=]/.test(text)) {
    const lineIndex = lines.findIndex(line => line.includes('='));
    return { problem: 'has "=" before its end: two values, or lines in the wrong order', lineIndex };
  }
  const lineIndex = lines.findLastIndex(line => line.trim() !== '');
  return { problem: 'is not a whole base64 text: characters are missing or too many', lineIndex };
}

/** The first line of a secret is longer, mostly 64 characters; a slash is a character of base64, too. */
const LONGEST_SHOWN_PATH = 60;

/**
 * Reads the file that `secfile` names.
 * @param path not yet expanded
 */
export function readSecretFile(path: string, files: ConfigFiles): SecretOutcome {
  const expanded = expandPath(path, files);
  const problem = (text: string) => ({ problem: text, lineIndex: 0 });
  if (expanded === '') return problem('is empty (write the path of a file)');
  const content = files.read(expanded, SECRET_LIMIT_BYTES);
  if (content.kind !== 'read' && mayBeSecret(path)) {
    return problem(
      'is not the path of a file that can be read (a secret itself belongs into the option secret)',
    );
  }
  switch (content.kind) {
    case 'missing':
      return problem(`the file ${expanded} does not exist`);
    case 'unreadable':
      return problem(`the file ${expanded} cannot be read: ${content.reason}`);
    case 'read':
      if (content.bytes.length === 0) return problem(`the file ${expanded} is empty`);
      return checked(
        content.bytes,
        (content.mode & 0o004) === 0
          ? []
          : [`the file ${expanded} can be read by everyone (chmod o-rwx ${expanded})`],
      );
  }
}

/** Whether somebody may have written a secret where its file's path belongs. */
function mayBeSecret(path: string): boolean {
  return !/^(?:[/~$]|\.\.?\/)/.test(path) || path.length > LONGEST_SHOWN_PATH || path.includes('\n');
}

function checked(secret: Uint8Array, warnings: readonly string[] = []): SecretOutcome {
  if (secret.length > SECRET_LIMIT_BYTES) {
    return { problem: `has more than ${SECRET_LIMIT_BYTES} bytes, which clients refuse`, lineIndex: 0 };
  }
  const format = secretFormatProblem(secret);
  return { secret, warnings: format === undefined ? warnings : [...warnings, format] };
}
