import { createHash } from 'node:crypto';
import type { Client } from '../client/client.js';
import { overridesOf } from '../client/restore.js';
import type { ClientSettings } from '../client/settings.js';
import type { StoredClient, StoredSettings } from '../client/store.js';

/** The format of all records. Another one that a later version of this program writes gets another number. */
export const FORMAT_VERSION = 1;

/** Names the record that has the format's version: the first of all, and the same in each format. */
export const VERSION_KEY = Buffer.from('!version');

const CHECKSUM_BYTES = 16;
/** Well below what the database takes as a key. */
const NAME_LIMIT_BYTES = 500;

/** Tells a secret from another without keeping it: SHA-256. */
export function digest(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('base64');
}

/** The key of a client's record. */
export function keyOf(name: string): Buffer {
  const key = Buffer.from(`client:${name}`);
  return key.length <= NAME_LIMIT_BYTES ? key : Buffer.from(`digest:${digest(key)}`);
}

/**
 * A record's bytes: a checksum of key and text, and the text. The checksum finds what the file system has spoilt, and a
 * record that stands in another's place; it does not keep anybody from forging one.
 */
export function seal(key: Uint8Array, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([checksum(key, body), body]);
}

/** @returns a record's text; undefined when its checksum is wrong */
export function unseal(key: Uint8Array, value: Buffer): string | undefined {
  const body = value.subarray(CHECKSUM_BYTES);
  return checksum(key, body).equals(value.subarray(0, CHECKSUM_BYTES)) ? body.toString() : undefined;
}

function checksum(key: Uint8Array, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(key.length);
  return createHash('sha256').update(length).update(key).update(body).digest().subarray(0, CHECKSUM_BYTES);
}

/** A client as text: what there is to know of it after a restart. */
export function encodeClient(client: Client, removed: boolean): string {
  const { settings, configured, createdMs, enabled, lastEnabledMs, expiresMs, lastCheckedOkMs } = client;
  const { lastCheck, lastApprovalRequestMs, approval, releases, releasesSinceEnabled } = client;
  const stored: StoredClient = {
    name: settings.name,
    removed,
    configured: configured && toStoredSettings(configured),
    overrides: overridesOf(client),
    state: {
      createdMs,
      enabled,
      lastEnabledMs,
      expiresMs,
      lastCheckedOkMs,
      lastCheck,
      lastApprovalRequestMs,
      approval,
      releases,
      releasesSinceEnabled,
      lastReleaseMs: client.lastReleaseMs,
    },
  };
  return JSON.stringify({ ...stored, overrides: encodeOverrides(stored.overrides) });
}

/** What records have of which the version that wrote them knew nothing: what holds when nobody says otherwise. */
const LATER_SETTINGS = { releaseCheck: 'warn', maxReleases: 0, releaseWindow: '' } as const;
const LATER_STATE = { releasesSinceEnabled: 0 };

/** @throws SyntaxError for what is no JSON */
export function decodeClient(text: string): StoredClient {
  const stored = JSON.parse(text) as StoredClient & { overrides: EncodedOverrides };
  const { configured } = stored;
  const overrides = decodeOverrides(stored.overrides);
  return {
    ...stored,
    ...(configured && { configured: { ...LATER_SETTINGS, ...configured } }),
    // Of a client that the configuration has never named, these are all settings.
    overrides: configured ? overrides : { ...LATER_SETTINGS, ...overrides },
    state: { ...LATER_STATE, ...stored.state },
  };
}

function toStoredSettings(configured: ClientSettings): StoredSettings {
  const { name: _name, secret, ...settings } = configured;
  return { ...settings, secretDigest: digest(secret) };
}

type Overrides = StoredClient['overrides'];
/** In JSON there is neither `undefined`, which an override may be, nor are there bytes. */
type EncodedOverrides = Readonly<Record<string, string | number | boolean | null>>;

function encodeOverrides({ secret, ...rest }: Overrides): EncodedOverrides {
  const encoded = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value ?? null]));
  return secret ? { ...encoded, secret: Buffer.from(secret).toString('base64') } : encoded;
}

function decodeOverrides(encoded: EncodedOverrides): Overrides {
  const entries = Object.entries(encoded).map(([key, value]): [string, unknown] => {
    if (key === 'secret') return [key, Uint8Array.from(Buffer.from(String(value), 'base64'))];
    return [key, value ?? undefined];
  });
  return Object.fromEntries(entries);
}
