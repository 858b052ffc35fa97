import { describeError, MandosError } from '../errors.js';
import type { Connection } from './connection.js';
import { openConnection } from './connection.js';
import type { Incoming, MethodCall } from './message.js';
import { encodeCall, ERROR, METHOD_RETURN, SIGNAL } from './message.js';

export type { MethodCall } from './message.js';

export interface SignalMatch {
  /** The sender's unique name, or org.freedesktop.DBus: signals do not carry the well-known names of their senders. */
  readonly sender: string;
  readonly interface: string;
  readonly member: string;
  readonly path?: string;
  /** What the first argument, a string, must be. */
  readonly arg0?: string;
}

export interface Signal {
  readonly path: string;
  readonly body: readonly unknown[];
}

/** One connection to a message bus. It ends for good when the bus goes away: see keepConnected. */
export interface Bus {
  /** Aborted once, when the connection has ended for whatever reason. */
  readonly gone: AbortSignal;
  /**
   * Calls a method.
   * @param timeoutMs how long the reply is awaited
   * @returns the reply's arguments, as `decode` makes them: 64-bit integers are BigInt, byte arrays Buffer, …
   * @throws DbusError (DBUS_ERROR) for an error reply; MandosError DBUS_TIMEOUT, DBUS_GONE, or DBUS_REPLY for a reply
   *   that is malformed or too long
   */
  call(call: MethodCall, timeoutMs?: number): Promise<readonly unknown[]>;
  /**
   * Hears signals, from the moment that the promise resolves.
   * @param listener what it throws is told to `onFault`
   * @returns a function that ends it
   * @throws as `call`
   */
  onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<() => void>;
  /**
   * Follows a well-known name without starting its owner.
   * @param listener gets the owner's unique name, or undefined while there is none: once at the start, then at each
   *   change
   * @throws as `call`
   */
  onOwner(name: string, listener: (owner: string | undefined) => void): Promise<() => void>;
  close(): void;
}

/** An error that the called program (or the bus) replied. */
export class DbusError extends MandosError {
  override readonly name = 'DbusError';
  /** `org.freedesktop.DBus.Error.…` */
  readonly dbusName: string;

  constructor(dbusName: string, text: string) {
    super('DBUS_ERROR', `D-Bus: ${text || dbusName}`);
    this.dbusName = dbusName;
  }
}

/** dbus-daemon itself gives up on a reply after 25 s only: a program that hangs should be noticed before. */
const CALL_TIMEOUT_MS = 10_000;

/**
 * Any local user may send us signals as long as the bus takes (32 MiB); what a server is meant to hear has some
 * kilobytes.
 */
const MESSAGE_LIMIT_BYTES = 1024 * 1024;

/** The bus itself, by its well-known name. */
const DAEMON = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/** DBUS_SYSTEM_BUS_ADDRESS, else where the D-Bus specification has the system bus. */
export function systemBusAddress(): string {
  return process.env['DBUS_SYSTEM_BUS_ADDRESS'] || 'unix:path=/var/run/dbus/system_bus_socket';
}

export interface BusOptions {
  /** Longer messages are dropped, and a call so replied to fails. Default: MESSAGE_LIMIT_BYTES. */
  readonly messageLimitBytes?: number;
  /**
   * Told of each message that was dropped as malformed or too long, and of each listener that threw. For a debug log:
   * any local user can fill it.
   */
  readonly onFault?: (reason: string) => void;
}

/**
 * Connects to a message bus. Nothing that another program sends over it ends the connection or the process.
 * @throws MandosError DBUS_GONE when there is none, DBUS_TIMEOUT when it does not answer, DbusError when it refuses
 */
export async function connectBus(
  address: string = systemBusAddress(),
  options: BusOptions = {},
): Promise<Bus> {
  const bus = new ConnectedBus(address, options);
  try {
    await bus.call({ ...DAEMON, member: 'Hello' });
    bus.gone.throwIfAborted();
  } catch (error) {
    bus.close();
    throw error;
  }
  return bus;
}

interface PendingCall {
  readonly resolve: (body: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

class ConnectedBus implements Bus {
  readonly #connection: Connection;
  readonly #address: string;
  readonly #onFault: (reason: string) => void;
  readonly #pending = new Map<number, PendingCall>();
  readonly #listeners = new Set<{ match: SignalMatch; listener: (signal: Signal) => void }>();
  readonly #end = new AbortController();
  #serial = 0;

  /** @throws MandosError DBUS_GONE for an address that is none */
  constructor(address: string, { messageLimitBytes = MESSAGE_LIMIT_BYTES, onFault }: BusOptions) {
    this.#address = address;
    this.#onFault = onFault ?? (() => {});
    try {
      this.#connection = openConnection(address, messageLimitBytes, {
        message: message => this.#receive(message),
        fault: this.#onFault,
        end: reason => this.#finish(reason),
      });
    } catch (error) {
      throw goneError(address, describeError(error));
    }
  }

  get gone(): AbortSignal {
    return this.#end.signal;
  }

  async call(call: MethodCall, timeoutMs: number = CALL_TIMEOUT_MS): Promise<readonly unknown[]> {
    this.#end.signal.throwIfAborted();
    const serial = ++this.#serial;
    const message = encodeCall(call, serial);
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(serial);
        const text = `D-Bus: ${call.destination} did not answer ${call.member} in ${timeoutMs / 1000} s`;
        reject(new MandosError('DBUS_TIMEOUT', text));
      }, timeoutMs);
      this.#pending.set(serial, { resolve, reject, timer });
      this.#connection.send(message);
    });
  }

  async onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<() => void> {
    const entry = { match, listener };
    const rule = matchRule(match);
    this.#listeners.add(entry);
    try {
      await this.call({ ...DAEMON, member: 'AddMatch', signature: 's', body: [rule] });
    } catch (error) {
      this.#listeners.delete(entry);
      throw error;
    }
    return () => {
      if (!this.#listeners.delete(entry)) return;
      // A rule that stays, since the bus has gone, goes with the connection.
      this.call({ ...DAEMON, member: 'RemoveMatch', signature: 's', body: [rule] }).catch(() => {});
    };
  }

  async onOwner(name: string, listener: (owner: string | undefined) => void): Promise<() => void> {
    let changed = false;
    const end = await this.onSignal(
      {
        sender: DAEMON.destination,
        path: DAEMON.path,
        interface: DAEMON.interface,
        member: 'NameOwnerChanged',
        arg0: name,
      },
      ({ body: [, , owner] }) => {
        changed = true;
        listener(typeof owner === 'string' && owner ? owner : undefined);
      },
    );
    const owner = await this.#ownerOf(name);
    // A change that was heard meanwhile is at least as new as the reply.
    if (!changed) listener(owner);
    return end;
  }

  close(): void {
    this.#finish('closed');
  }

  async #ownerOf(name: string): Promise<string | undefined> {
    try {
      const [owner] = await this.call({ ...DAEMON, member: 'GetNameOwner', signature: 's', body: [name] });
      return owner as string;
    } catch (error) {
      if (error instanceof DbusError && error.dbusName === 'org.freedesktop.DBus.Error.NameHasNoOwner')
        return undefined;
      throw error;
    }
  }

  /** @throws Error when the arguments of a signal that someone waits for are malformed */
  #receive(message: Incoming): void {
    if (message.type === SIGNAL) {
      for (const { match, listener } of this.#listeners) {
        if (matches(match, message)) this.#tell(listener, { path: message.path ?? '', body: message.body() });
      }
    } else if (message.type === METHOD_RETURN || message.type === ERROR) {
      const pending = this.#settle(message.replySerial);
      try {
        if (message.type === METHOD_RETURN) pending?.resolve(message.body());
        else pending?.reject(errorReply(message));
      } catch (error) {
        const text = `D-Bus: the reply cannot be read: ${describeError(error)}`;
        pending?.reject(new MandosError('DBUS_REPLY', text));
      }
    }
  }

  #tell(listener: (signal: Signal) => void, signal: Signal): void {
    try {
      listener(signal);
    } catch (error) {
      this.#onFault(`a signal was not dealt with: ${describeError(error)}`);
    }
  }

  /** Takes a call out of the list of those that wait. */
  #settle(serial: number | undefined): PendingCall | undefined {
    const pending = serial === undefined ? undefined : this.#pending.get(serial);
    if (serial === undefined || !pending) return undefined;
    this.#pending.delete(serial);
    clearTimeout(pending.timer);
    return pending;
  }

  #finish(reason: string): void {
    if (this.#end.signal.aborted) return;
    const error = goneError(this.#address, reason);
    this.#listeners.clear();
    for (const serial of this.#pending.keys()) this.#settle(serial)?.reject(error);
    this.#connection.close();
    this.#end.abort(error);
  }
}

function matches(match: SignalMatch, message: Incoming): boolean {
  return (
    message.sender === match.sender &&
    message.interface === match.interface &&
    message.member === match.member &&
    (match.path === undefined || message.path === match.path) &&
    (match.arg0 === undefined || message.body()[0] === match.arg0)
  );
}

function errorReply({ errorName = '', body }: Incoming): DbusError {
  const [text] = body();
  return new DbusError(errorName, typeof text === 'string' ? text : '');
}

function matchRule(match: SignalMatch): string {
  return Object.entries({ type: 'signal', ...match })
    .map(([key, value]) => `${key}='${value}'`)
    .join(',');
}

function goneError(address: string, reason: string): MandosError {
  return new MandosError('DBUS_GONE', `no connection to the D-Bus message bus at ${address}: ${reason}`);
}
