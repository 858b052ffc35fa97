import { DbusFault } from '../../common/dbus/bus.js';
import { formatDuration, LONGEST_DURATION_MS } from '../../common/duration.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import { checkerProblem } from '../client/checker-format.js';
import type { SettingValue } from './controlled-server.js';

/** Bytes of a host or a checker: Linux gives a shell arguments of 128 KiB, and expansion makes a checker longer. */
export const TEXT_LIMIT_BYTES = 64 * 1024;

/** LONGEST_DURATION_MS for people, as it can be written in clients.conf. */
const LONGEST_DURATION = 'P1000Y';

/**
 * A duration that was sent, in milliseconds.
 * @param leastMs 0, or 1 when it may not be zero
 * @throws DbusFault InvalidArgs when it is too short or too long
 */
export function durationValue(what: string, value: unknown, leastMs: 0 | 1 = 0): number {
  const ms = Number(value);
  if (ms < leastMs || ms > LONGEST_DURATION_MS) {
    const given = ms < 0 ? `${ms} ms` : formatDuration(ms);
    const least = leastMs === 0 ? 'PT0S' : 'more than PT0S';
    throw invalid(what, `${given} is out of bounds (allowed: ${least}, up to ${LONGEST_DURATION})`);
  }
  return ms;
}

/** A duration that a timer repeats: never zero. @throws DbusFault InvalidArgs */
export function intervalValue(what: string, value: unknown): number {
  return durationValue(what, value, 1);
}

/** @throws DbusFault InvalidArgs when it is too long */
export function textValue(what: string, value: unknown): string {
  const text = String(value);
  if (Buffer.byteLength(text) > TEXT_LIMIT_BYTES) {
    throw invalid(what, `has more than ${TEXT_LIMIT_BYTES} bytes`);
  }
  return text;
}

/** @throws DbusFault InvalidArgs for a command that could not be expanded */
export function checkerValue(what: string, value: unknown): string {
  const command = textValue(what, value);
  // What it says is written as in clients.conf, where each "%" is doubled.
  const problem = checkerProblem(command)?.replaceAll('%%', '%');
  if (problem !== undefined) throw invalid(what, problem);
  return command;
}

/**
 * @param value bytes that belong to a message
 * @returns a copy
 * @throws DbusFault InvalidArgs when it is empty, or longer than clients take
 */
export function secretValue(what: string, value: unknown): Uint8Array {
  const secret = Uint8Array.from(value as Uint8Array);
  if (secret.length === 0) throw invalid(what, 'is empty');
  if (secret.length > SECRET_LIMIT_BYTES) {
    throw invalid(what, `has more than ${SECRET_LIMIT_BYTES} bytes, which clients refuse`);
  }
  return secret;
}

/**
 * A value of any type that a setting of AddClient may have.
 * @throws DbusFault InvalidArgs for any other
 */
export function settingValue(
  what: string,
  { signature, value }: { readonly signature: string; readonly value: unknown },
): SettingValue {
  if (signature === 's') return textValue(what, value);
  if (signature === 'b') return value === true;
  if (signature === 'ay') return secretValue(what, value);
  if (/^[nqiuxt]$/.test(signature)) return durationValue(what, value);
  throw invalid(what, `has the type "${signature}" (allowed: "t", "s", "b", "ay")`);
}

function invalid(what: string, problem: string): DbusFault {
  return new DbusFault('InvalidArgs', `${what}: ${problem}`);
}
