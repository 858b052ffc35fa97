import { SystemCallError } from '../../common/libc.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { Clock } from '../clock.js';
import type { Privileges } from '../privileges.js';
import type { InterfaceChoice } from './interfaces.js';
import { chooseInterfaces, POLL_MS } from './interfaces.js';

/** How long until a driver that could not bring its interface up, for want of its firmware perhaps, is asked again. */
const RETRY_MS = 1000;

export interface BringUpOptions {
  readonly choice: InterfaceChoice;
  readonly list: () => NetworkInterface[];
  /** @throws SystemCallError */
  readonly setUp: (name: string, up: boolean) => void;
  /** Of an interface that is down: lets the addresses be used that it is about to get. @returns undoes that */
  readonly useAddressesAtOnce: (name: string) => () => void;
  /** Keeps the kernel from writing of it on the console. @returns undoes that */
  readonly quietKernel: () => () => void;
  readonly privileges: Privileges;
  readonly clock: Clock;
  readonly log: Log;
}

/** An interface that was down. */
interface Raised {
  /** It had them when it was down. */
  readonly ipv4: ReadonlySet<string>;
  isAnnounced: boolean;
  readonly restoreAddressUse: () => void;
}

/**
 * Brings the chosen interfaces up that are down, also such as appear later, and takes them down again
 * (mandos-client(8mandos), DESCRIPTION). Each is brought up once: who takes it down meanwhile has a reason.
 */
export class InterfaceRaiser {
  readonly #options: BringUpOptions;
  readonly #raised = new Map<string, Raised>();
  readonly #failed = new Map<string, { readonly atMs: number; readonly why: string }>();
  #forbidden = false;
  #restoreKernelLog: (() => void) | undefined;
  #cancel = () => {};

  constructor(options: BringUpOptions) {
    this.#options = options;
  }

  /** Brings up what is there, before it returns, and from then on what comes. */
  begin(): void {
    this.#cancel = this.#options.clock.after(POLL_MS, () => this.begin());
    try {
      this.#look();
    } catch (error) {
      this.#options.log.debug(describeError(error));
    }
  }

  /**
   * Takes down what was brought up and is up still, unless somebody has given it an IPv4 address since: then it is in
   * use, and whoever uses it will take it down.
   */
  end(): void {
    const { list, setUp, privileges, log } = this.#options;
    this.#cancel();
    privileges.asRoot(() => {
      try {
        for (const nic of this.#raised.size > 0 ? list() : []) {
          const before = this.#raised.get(key(nic));
          if (!before || !nic.up) continue;
          if (ipv4(nic).some(address => !before.ipv4.has(address))) {
            log.debug(`interface ${nic.name} stays up: it has got an IPv4 address`);
            continue;
          }
          log.debug(`interface ${nic.name} is taken down`);
          takeDown(nic.name, setUp, log);
        }
      } catch (error) {
        log.warning(`cannot take interfaces down: ${describeError(error)}`);
      }
      for (const { restoreAddressUse } of this.#raised.values()) restoreAddressUse();
      this.#restoreKernelLog?.();
    });
    this.#raised.clear();
  }

  #look(): void {
    const { list, choice, clock, privileges, log } = this.#options;
    const chosen = chooseInterfaces(list(), choice);
    const { raise } = choice;
    const nowMs = clock.nowMs();
    const down = chosen.filter(
      nic =>
        !nic.up &&
        !this.#raised.has(key(nic)) &&
        (raise === 'all' || raise.includes(nic.name)) &&
        (this.#failed.get(key(nic))?.atMs ?? -Infinity) + RETRY_MS <= nowMs,
    );
    if (down.length > 0 && !this.#forbidden) privileges.asRoot(() => down.forEach(nic => this.#raise(nic)));
    for (const nic of chosen) {
      const raised = this.#raised.get(key(nic));
      if (!raised || raised.isAnnounced || !nic.running) continue;
      raised.isAnnounced = true;
      log.info(`interface ${nic.name} is up`);
    }
  }

  #raise(nic: NetworkInterface): void {
    const { setUp, useAddressesAtOnce, quietKernel, clock, log } = this.#options;
    if (this.#forbidden) return;
    this.#restoreKernelLog ??= quietKernel();
    const restoreAddressUse = useAddressesAtOnce(nic.name);
    try {
      setUp(nic.name, true);
      this.#raised.set(key(nic), { ipv4: new Set(ipv4(nic)), isAnnounced: false, restoreAddressUse });
      log.debug(`interface ${nic.name} is brought up`);
    } catch (error) {
      restoreAddressUse();
      const why = error instanceof SystemCallError ? error.errorName : '';
      if (why === 'ENODEV') return; // gone
      this.#forbidden = why === 'EPERM';
      const before = this.#failed.get(key(nic));
      this.#failed.set(key(nic), { atMs: clock.nowMs(), why });
      if (this.#forbidden)
        log.warning('network interfaces cannot be brought up: only root can, and those that are up are used');
      else if (before?.why !== why)
        log.warning(`interface ${nic.name} cannot be brought up: ${describeError(error)}`);
    }
  }
}

function takeDown(name: string, setUp: BringUpOptions['setUp'], log: Log): void {
  try {
    setUp(name, false);
  } catch (error) {
    if (error instanceof SystemCallError && error.errorName === 'ENODEV') return;
    log.warning(`interface ${name} cannot be taken down: ${describeError(error)}`);
  }
}

/** An interface that was made anew under the same name is another one. */
function key({ name, index }: NetworkInterface): string {
  return `${name} ${index}`;
}

function ipv4({ addresses }: NetworkInterface): string[] {
  return addresses.filter(({ family }) => family === 'ipv4').map(({ address }) => address);
}
