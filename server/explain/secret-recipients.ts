/** What an OpenPGP message shows of itself without any key. */
export interface MessageLook {
  /** Key IDs of those who can decrypt it, 16 upper-case digits; all zero for one who is not named. */
  readonly recipients: readonly string[];
  /** Whoever knows a passphrase can decrypt it: no client does. */
  readonly passphrase: boolean;
  /** Whether there is anything encrypted in it. */
  readonly encrypted: boolean;
}

/** Packet types of RFC 9580 section 5: public-key and symmetric-key encrypted session keys, and encrypted data. */
const PUBLIC_KEY_SESSION_KEY = 1;
const PASSPHRASE_SESSION_KEY = 3;
const ENCRYPTED_DATA = [9, 18, 20];

/** Goes through the packets up to the encrypted data; whatever cannot be read ends it. */
export function lookAtMessage(message: Uint8Array): MessageLook {
  const recipients: string[] = [];
  let passphrase = false;
  for (let at = 0; at < message.length;) {
    const header = readHeader(message, at);
    if (!header) break;
    const { type, start, length } = header;
    if (ENCRYPTED_DATA.includes(type)) return { recipients, passphrase, encrypted: true };
    const body = Buffer.from(message.subarray(start, start + length));
    if (type === PUBLIC_KEY_SESSION_KEY) recipients.push(keyIdOf(body));
    if (type === PASSPHRASE_SESSION_KEY) passphrase = true;
    at = start + length;
  }
  return { recipients, passphrase, encrypted: false };
}

interface Header {
  readonly type: number;
  /** Where the body begins, and how many bytes it has; Infinity up to the end. */
  readonly start: number;
  readonly length: number;
}

/** RFC 9580 section 4.2. */
function readHeader(message: Uint8Array, at: number): Header | undefined {
  const view = Buffer.from(message.subarray(at, at + 6));
  const [first = 0, one = 0, two = 0] = view;
  if ((first & 0x80) === 0) return undefined;
  if ((first & 0x40) === 0) {
    // The old format: the length has 1, 2, 4 or no bytes.
    const bytes = [1, 2, 4, 0][first & 0x03] ?? 0;
    if (view.length < 1 + bytes) return undefined;
    const length = bytes === 0 ? Infinity : view.readUIntBE(1, bytes);
    return { type: (first >> 2) & 0x0f, start: at + 1 + bytes, length };
  }
  const type = first & 0x3f;
  if (one < 192) return { type, start: at + 2, length: one };
  if (one < 224) return { type, start: at + 3, length: ((one - 192) << 8) + two + 192 };
  if (one < 255) return { type, start: at + 2, length: Infinity }; // in parts: of data only
  return view.length < 6 ? undefined : { type, start: at + 6, length: view.readUInt32BE(2) };
}

/** RFC 9580 section 5.1: version 3 has a key ID, version 6 a fingerprint. */
function keyIdOf(body: Buffer): string {
  if (body[0] !== 6) return hex(body.subarray(1, 9));
  const fingerprint = body.subarray(3, 2 + (body[1] ?? 0));
  return hex(body[2] === 6 ? fingerprint.subarray(0, 8) : fingerprint.subarray(-8)).padStart(16, '0');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
