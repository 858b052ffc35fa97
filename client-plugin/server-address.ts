import { isIPv4, isIPv6 } from 'node:net';
import { UsageError } from '../common/cli.js';
import { isLinkLocal } from './discovery/addresses.js';
import type { FollowOptions } from './network/interfaces.js';
import { followInterfaces } from './network/interfaces.js';
import type { ServerSource } from './obtain.js';
import type { Target } from './server-tries.js';

/** A server by address, as `--connect` gives it. */
export interface ServerAddress {
  /** As it was written. */
  readonly text: string;
  /** Numeric, with its scope if it has one. */
  readonly host: string;
  readonly port: number;
  /** A link-local address that does not say on which link. */
  readonly needsScope: boolean;
}

/**
 * Reads `ADDRESS:PORT`: the last colon is the one before the port (mandos-client(8mandos), `--connect`). An IPv6
 * address may be in brackets and have a scope: `[fe80::1%eth0]:4711`.
 * @throws UsageError for anything else, host names included: there is no resolver in an initramfs
 */
export function parseAddress(text: string): ServerAddress {
  const colon = text.lastIndexOf(':');
  const wrong = (what: string) => new UsageError(`"${text}" ${what} (try 192.0.2.3:4711 or fe80::1:4711)`);
  if (colon < 0) throw wrong('has no port');
  const portText = text.slice(colon + 1);
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65535)
    throw wrong('does not end with a port, 1 to 65535');
  const written = text.slice(0, colon);
  const host = /^\[(.*)\]$/.exec(written)?.[1] ?? written;
  if (!isIPv6(host) && !(isIPv4(host) && host === written)) {
    throw wrong('does not begin with a numeric IP address');
  }
  return { text, host, port, needsScope: isLinkLocal(host) && !host.includes('%') };
}

/**
 * The servers of the command line. A link-local address without a scope is tried on every chosen interface that is
 * ready. Whenever the network changes, all are due at once.
 */
export function givenSource(
  addresses: readonly ServerAddress[],
  options: Omit<FollowOptions, 'signal'>,
): ServerSource {
  return (report, signal) => {
    let changes = 0;
    followInterfaces({ ...options, signal }, ready => {
      changes++;
      const scopes = ready.map(({ name }) => name);
      const targets = addresses.flatMap(address => toTargets(address, scopes));
      // Another key makes it a new server, without the pauses that failures on the old network have led to.
      report(
        targets.map(target => ({ key: `given ${changes} ${target.host} ${target.port}`, targets: [target] })),
      );
    });
  };
}

function toTargets({ text, host, port, needsScope }: ServerAddress, scopes: readonly string[]): Target[] {
  const target = { host, port, origin: 'given', label: text } as const;
  return needsScope ? scopes.map(scope => ({ ...target, host: `${host}%${scope}` })) : [target];
}
