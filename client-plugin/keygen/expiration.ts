import { UsageError } from '../../common/cli.js';

/** When a key expires: never, some time after it was made, or at a moment. */
export type Expiration =
  | { readonly kind: 'never' }
  | { readonly kind: 'after'; readonly seconds: number }
  | { readonly kind: 'at'; readonly epochMs: number };

/** Seconds of a day, week, month and year as gpg(1) counts them. */
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  d: 86_400,
  w: 7 * 86_400,
  m: 30 * 86_400,
  y: 365 * 86_400,
};

/** Seconds that OpenPGP has room for (RFC 9580 section 5.2.3.13): four bytes, some 136 years. */
const LONGEST_SECONDS = 0xffffffff;

/**
 * Reads an expiration time as gpg(1) writes it.
 * @throws UsageError
 */
export function parseExpiration(text: string): Expiration {
  if (/^(0|none|never)$/i.test(text)) return { kind: 'never' };
  const [, count, unit = 'd'] = /^([0-9]{1,9})([dwmy])?$/i.exec(text) ?? [];
  if (count !== undefined) {
    const seconds = Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
    if (seconds === 0) return { kind: 'never' };
    if (seconds <= LONGEST_SECONDS) return { kind: 'after', seconds };
  }
  if (/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) {
    // As gpg does: at noon, local time.
    const epochMs = Date.parse(`${text}T12:00:00`);
    if (!Number.isNaN(epochMs)) return { kind: 'at', epochMs };
  }
  throw new UsageError(
    `--expire: "${text}" is not a time in which a key can expire (try 0, 90, 52w, 12m, 2y or 2040-12-31)`,
  );
}

/**
 * Seconds that a key made now lives; 0 for ever.
 * @param nowMs milliseconds since the Unix epoch
 * @throws UsageError when the moment has passed or is too far away
 */
export function lifetimeSeconds(expiration: Expiration, nowMs: number): number {
  switch (expiration.kind) {
    case 'never':
      return 0;
    case 'after':
      return expiration.seconds;
    case 'at': {
      const seconds = Math.floor((expiration.epochMs - nowMs) / 1000);
      if (seconds > 0 && seconds <= LONGEST_SECONDS) return seconds;
      throw new UsageError(`--expire: that day is ${seconds > 0 ? 'too far away' : 'not in the future'}`);
    }
  }
}
