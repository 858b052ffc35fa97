import { quote } from '../../common/config-fault.js';
import { parseDuration } from '../../common/duration.js';
import { normalizeHex } from '../../common/protocol.js';
import { parseReleaseWindow } from '../client/release-window.js';
import type { ClientSettings, ReleaseCheck } from '../client/settings.js';
import { RELEASE_CHECKS } from '../client/settings.js';
import { checkerProblem, usesHost } from '../client/checker-format.js';
import type { ConfigFiles } from './files.js';
import { decodeSecret, readSecretFile } from './secret.js';
import type { SectionReader } from './section-reader.js';
import type { Parsed } from './values.js';
import { parseBoolean, parseNumber, withCommentHint } from './values.js';

/** Checkers that ask nobody: each request would be an impostor's. */
const ALWAYS_SUCCEEDS = /^\s*(|:|true|\/bin\/true|\/usr\/bin\/true|exit 0)\s*$/;

/** A machine that boots each minute for two years. */
const MOST_RELEASES = 1_000_000;

/**
 * Reads one client's section; all faults are reported to the reader.
 * @returns the settings, with stand-ins where there is a fault
 */
export function readClientSection(reader: SectionReader, files: ConfigFiles): ClientSettings {
  const duration = (key: string) => reader.parse(key, durationValue, 0);
  const boolean = (key: string) => reader.parse(key, parseBoolean, false);
  const settings: ClientSettings = {
    name: reader.section.name,
    ...readIdentity(reader),
    secret: readSecret(reader, files),
    host: reader.text('host') ?? '',
    checker: readChecker(reader),
    timeoutMs: duration('timeout'),
    extendedTimeoutMs: duration('extended_timeout'),
    intervalMs: reader.parse('interval', intervalValue, 0),
    approvalDelayMs: duration('approval_delay'),
    approvalDurationMs: duration('approval_duration'),
    approvedByDefault: boolean('approved_by_default'),
    enabled: boolean('enabled'),
    releaseCheck: reader.parse('release_check', releaseCheckValue, 'deny'),
    maxReleases: reader.parse('max_releases', maxReleasesValue, 1),
    releaseWindow: reader.parse('release_window', parseReleaseWindow, ''),
  };
  if (settings.name.trim() === '') reader.sectionFault('a client needs a name');
  if (settings.host === '' && usesHost(settings.checker)) {
    reader.sectionFault('has no host, which its checker asks for: it will be disabled', 'warning');
  }
  if (settings.releaseCheck === 'deny' && ALWAYS_SUCCEEDS.test(settings.checker)) {
    const message = 'is deny, and the checker always succeeds: the client never gets its password';
    reader.fault('release_check', message, 'warning');
  }
  return settings;
}

function readIdentity(reader: SectionReader): Pick<ClientSettings, 'keyId' | 'fingerprint'> {
  const hex = (key: string, digits: readonly number[]) =>
    reader.parse(key, text => hexValue(text, digits), undefined);
  const given = (key: string) => (reader.text(key) ?? '') !== '';
  const identity = {
    keyId: hex('key_id', [64]),
    // 40 digits for OpenPGP version 4 (RFC 4880 section 12.2), 64 for version 6 (RFC 9580 section 5.5.4.3).
    fingerprint: hex('fingerprint', [40, 64]),
  };
  if (!given('key_id')) {
    if (!given('fingerprint')) reader.sectionFault('needs a key_id (mandos-keygen --password prints it)');
    else {
      const message = 'has a fingerprint only; clients with GnuTLS 3.6 or later need a key_id to be known';
      reader.sectionFault(message, 'warning');
    }
  }
  return identity;
}

function readSecret(reader: SectionReader, files: ConfigFiles): Uint8Array {
  const key = reader.option('secret') ? 'secret' : 'secfile';
  if (!reader.option(key)) {
    reader.sectionFault('needs a secret or a secfile (mandos-keygen --password prints a secret)');
    return new Uint8Array();
  }
  if (key === 'secret' && reader.section.options.has('secfile')) {
    reader.fault('secfile', 'is not used, since there is a secret (remove one of the two)', 'warning');
  }
  const value = reader.text(key);
  if (value === undefined) return new Uint8Array();
  const outcome = key === 'secret' ? decodeSecret(value) : readSecretFile(value, files);
  if ('problem' in outcome) {
    reader.fault(key, withCommentHint(outcome.problem, value), 'error', outcome.lineIndex);
    return new Uint8Array();
  }
  for (const warning of outcome.warnings) reader.fault(key, warning, 'warning');
  return outcome.secret;
}

function durationValue(text: string): Parsed<number> {
  const duration = parseDuration(text);
  return 'ms' in duration ? { value: duration.ms } : duration;
}

function intervalValue(text: string): Parsed<number> {
  const parsed = durationValue(text);
  // The checker would be started again without pause.
  if ('value' in parsed && parsed.value === 0) return { problem: 'is zero (allowed: at least PT1S)' };
  return parsed;
}

function releaseCheckValue(text: string): Parsed<ReleaseCheck> {
  const value = RELEASE_CHECKS.find(word => word === text.toLowerCase());
  if (value !== undefined) return { value };
  return { problem: `${quote(text)} is none of ${RELEASE_CHECKS.join(', ')}` };
}

function maxReleasesValue(text: string): Parsed<number> {
  return parseNumber(text, 0, MOST_RELEASES, 'a number of releases', '; 0 is no limit');
}

/** Not by SectionReader.parse, which takes " #" and " ;" for comments: a shell has uses for both. */
function readChecker(reader: SectionReader): string {
  const text = reader.text('checker') ?? '';
  const problem = checkerProblem(text);
  if (problem === undefined) return text;
  reader.invalid('checker', problem);
  return '';
}

/** Hexadecimal of one of these lengths; white space and case do not matter; '' is not set. */
function hexValue(text: string, digits: readonly number[]): Parsed<string | undefined> {
  const hex = normalizeHex(text);
  if (hex === '') return { value: undefined };
  if (!/^[0-9a-f]+$/.test(hex)) return { problem: 'has a character that is not hexadecimal (0-9 a-f)' };
  if (!digits.includes(hex.length)) {
    return { problem: `has ${hex.length} hexadecimal digits (allowed: ${digits.join(' or ')})` };
  }
  // A copy: a part of the file's text would keep all of that in memory.
  return { value: Buffer.from(hex, 'latin1').toString('latin1') };
}
