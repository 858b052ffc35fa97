import type { ConfigFault } from '../../common/config-fault.js';
import { quote } from '../../common/config-fault.js';
import { parseDuration } from '../../common/duration.js';
import { GREETING } from '../../common/protocol.js';
import { hasLinkLocal, parseNetworks } from './networks.js';
import type { Effective, OptionSource, Setting } from './option-source.js';
import { valueSetting } from './option-source.js';
import type { Parsed } from './values.js';
import { parseBoolean, parseNumber } from './values.js';

/** How much of the server others may use: mandos.conf(5), OPTIONS. Each has its default and its reason in SETTINGS. */
export interface ServerLimits {
  /** Processes that serve connections; 1 is the server itself. */
  readonly workers: number;
  readonly maxConnections: number;
  /** Of one IPv4 or link-local address, or of one other IPv6 network of 64 bits. */
  readonly maxConnectionsPerAddress: number;
  readonly greetingTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly maxGreetingBytes: number;
  /** Of one client. */
  readonly maxPendingApprovals: number;
  /** Of one address, as above, within a minute. */
  readonly maxFailedHandshakes: number;
  readonly maxCheckers: number;
  readonly maxDbusCalls: number;
  /** Networks that may connect, as parseNetworks() writes them; '' for all. */
  readonly allow: string;
  /** Networks that may not. */
  readonly deny: string;
  readonly linkLocalOnly: boolean;
}

/** A bound that catches slips of the hand. */
const MOST = 1_000_000;
/** The greeting of version 1 of the protocol: `1`, CR and LF. */
const SHORTEST_GREETING_BYTES = GREETING.length;
/** What max_greeting_length may be. */
export const MAX_GREETING_LIMIT_BYTES = 4096;

const SETTINGS: { readonly [K in keyof ServerLimits]: Setting<ServerLimits[K]> } = {
  /** Processes of their own cost memory, and a server of few clients has nothing to do for them. */
  workers: number('workers', 1, 'processes', 1, 64),
  /** Some 25 kB each at worst: a hundred megabytes for all. A fleet that boots at once is served within seconds. */
  maxConnections: number('max_connections', 4096, 'connections', 1, MOST),
  /** A sixteenth of all, so that no single neighbour keeps the others out; a network of 64 bits may be a whole fleet. */
  maxConnectionsPerAddress: number('max_connections_per_address', 256, 'connections', 1, MOST),
  /** The greeting is sent at once, so that this only covers bad networks. */
  greetingTimeoutMs: duration('greeting_timeout', 10_000),
  /** RSA keys take seconds on slow boards. */
  handshakeTimeoutMs: duration('handshake_timeout', 30_000),
  /** The greeting is `1` and an end of line; later versions of the protocol may say more. */
  maxGreetingBytes: number(
    'max_greeting_length',
    64,
    'bytes',
    SHORTEST_GREETING_BYTES,
    MAX_GREETING_LIMIT_BYTES,
  ),
  /** A client asks again while it waits; more than some at once is nobody's boot. */
  maxPendingApprovals: number('max_pending_approvals', 8, 'requests', 1, MOST),
  /** A machine with a damaged key asks again each second at first, and then less and less. */
  maxFailedHandshakes: number('max_failed_handshakes', 60, 'connections', 1, MOST),
  /** A checker that hangs is a process of some megabytes until its client's next check. */
  maxCheckers: number('max_checkers', 512, 'processes', 1, MOST),
  /** mandos-ctl and mandos-monitor have 32 at once at most. */
  maxDbusCalls: number('max_dbus_calls', 256, 'calls', 1, 1024),
  allow: valueSetting('allow', '', parseNetworks),
  deny: valueSetting('deny', '', parseNetworks),
  /** Clients in an initramfs use link-local addresses, unless they are told to connect elsewhere. */
  linkLocalOnly: {
    ...valueSetting('link_local_only', false, parseBoolean, true),
    emptyIsDefault: false,
  },
};

/** What they are called in mandos.conf. */
export const LIMIT_KEYS = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { key }]) => [name, key]),
) as Readonly<Record<keyof ServerLimits, string>>;

/** As they are when nothing is configured. */
export const DEFAULT_LIMITS = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { fallback }]) => [name, fallback]),
) as unknown as ServerLimits;

/** Reads them, and reports those that are at odds with each other. */
export function readLimits(source: OptionSource, report: (fault: ConfigFault) => void): ServerLimits {
  const effective = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, setting]) => [
      name,
      source.read<unknown>(setting as Setting<unknown>),
    ]),
  ) as EffectiveLimits;
  for (const fault of contradictions(effective)) report(fault);
  const values = Object.entries(effective).map(([name, { value }]) => [name, value as unknown]);
  return Object.fromEntries(values) as ServerLimits;
}

type EffectiveLimits = { readonly [K in keyof ServerLimits]: Effective<ServerLimits[K]> };

function* contradictions(limits: EffectiveLimits): Generator<ConfigFault> {
  const { workers, maxConnections, maxConnectionsPerAddress, linkLocalOnly, allow } = limits;
  if (workers.place && workers.value > maxConnections.value) {
    const message = `${workers.value} processes have no connection each (max_connections is ${maxConnections.value})`;
    yield { ...workers.place, message, severity: 'error' };
  }
  if (maxConnectionsPerAddress.place && maxConnectionsPerAddress.value > maxConnections.value) {
    const message = `has no effect, since max_connections is ${maxConnections.value}`;
    yield { ...maxConnectionsPerAddress.place, message, severity: 'warning' };
  }
  if (linkLocalOnly.place && linkLocalOnly.value && allow.value !== '' && !hasLinkLocal(allow.value)) {
    const message = 'nobody can connect, since no network in allow is link-local';
    yield { ...linkLocalOnly.place, message, severity: 'warning' };
  }
}

function number(key: string, fallback: number, what: string, least: number, most: number): Setting<number> {
  return valueSetting(key, fallback, text => parseNumber(text, least, most, `a number of ${what}`), true);
}

function duration(key: string, fallbackMs: number): Setting<number> {
  return valueSetting(key, fallbackMs, parseWait);
}

function parseWait(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  if (!('ms' in parsed)) return parsed;
  return parsed.ms > 0
    ? { value: parsed.ms }
    : { problem: `${quote(text)} is no time at all (allowed: from PT1S)` };
}
