import type { Clock } from '../clock.js';
import type { Log } from '../../common/log.js';
import { describeError } from '../../common/errors.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';

/** Which interfaces to use: mandos-client(8mandos), DESCRIPTION and `--interface`. */
export interface InterfaceChoice {
  /** By name, in the order given; empty: all that fit. */
  readonly names: readonly string[];
  /** Which of them may be brought up: those named before `none`, if that was given. */
  readonly raise: 'all' | readonly string[];
  /** `--connect` was given: point-to-point links and those without broadcast do as well. */
  readonly direct: boolean;
}

/**
 * The value or values of `--interface`: comma-separated names. Those behind `none` are used when somebody else brings
 * them up; `none` alone means that of all.
 */
export function parseInterfaceOption(values: readonly string[]): Pick<InterfaceChoice, 'names' | 'raise'> {
  const given = values.flatMap(value => value.split(',')).filter(name => name !== '');
  const none = given.indexOf('none');
  const names = [...new Set(given.filter(name => name !== 'none'))];
  return { names, raise: none < 0 ? 'all' : given.slice(0, none) };
}

/** The chosen ones of these interfaces, whatever state they are in. */
export function chooseInterfaces(
  interfaces: readonly NetworkInterface[],
  choice: InterfaceChoice,
): NetworkInterface[] {
  if (choice.names.length > 0) {
    return choice.names.flatMap(name => interfaces.find(candidate => candidate.name === name) ?? []);
  }
  return interfaces.filter(
    ({ loopback, pointToPoint, broadcast, arp }) =>
      !loopback && arp && (choice.direct || (broadcast && !pointToPoint)),
  );
}

/** Whether packets can be sent now: up, with a carrier and an address that is ready. */
export function isReady(candidate: NetworkInterface): boolean {
  return (
    candidate.running &&
    candidate.addresses.some(({ family, linkLocal, tentative }) =>
      family === 'ipv4' ? true : linkLocal && !tentative,
    )
  );
}

/**
 * How often to look for interfaces and addresses that have come or gone. Duplicate address detection ends at any
 * moment, one to two seconds after the carrier, and boot waits for it; a look costs some 0.1 ms.
 */
export const POLL_MS = 100;

export interface FollowOptions {
  readonly choice: InterfaceChoice;
  readonly list: () => NetworkInterface[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Reports the chosen interfaces that are ready, at once and at each change of them or their addresses, until the
 * signal aborts.
 */
export function followInterfaces(
  options: FollowOptions,
  report: (ready: readonly NetworkInterface[]) => void,
): void {
  const { choice, list, clock, log, signal } = options;
  let before = '';
  let cancel = () => {};
  const look = () => {
    if (signal.aborted) return;
    cancel = clock.after(POLL_MS, look);
    let ready;
    try {
      ready = chooseInterfaces(list(), choice).filter(isReady);
    } catch (error) {
      log.debug(describeError(error));
      return;
    }
    const now = JSON.stringify(ready);
    if (now === before) return;
    before = now;
    report(ready);
  };
  signal.addEventListener('abort', () => cancel(), { once: true });
  look();
}
