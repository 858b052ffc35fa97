import { describeError, MandosError } from '../errors.js';
import type { Bus, Signal } from './bus-interface.js';
import type { Connection } from './connection.js';
import { openConnection } from './connection.js';
import { DbusError, isDbusError } from './errors.js';
import type { MethodCall, OutgoingReply, OutgoingSignal } from './message.js';
import { encodeMessage, EncodedBody, ERROR, METHOD_CALL, METHOD_RETURN, SIGNAL } from './message.js';
import type { Incoming } from './read-messages.js';
import type { CallHandler } from './served-calls.js';
import { ServedCalls } from './served-calls.js';
import type { SignalMatch } from './signal-match.js';
import { matches, matchRule } from './signal-match.js';

export type { Bus, Signal } from './bus-interface.js';
export { DbusError, DbusFault, isDbusError } from './errors.js';
export type { MethodCall, OutgoingSignal } from './message.js';
export type { CallHandler, IncomingCall } from './served-calls.js';
export type { SignalMatch } from './signal-match.js';

/** dbus-daemon itself gives up on a reply after 25 s only: a program that hangs should be noticed before. */
const CALL_TIMEOUT_MS = 10_000;

/**
 * Any local user may send us signals as long as the bus takes (32 MiB); what a server is meant to hear has some
 * kilobytes.
 */
const MESSAGE_LIMIT_BYTES = 1024 * 1024;

/** Callers whose user IDs are remembered. A unique name never has a second owner, so that none becomes wrong. */
const REMEMBERED_UIDS = 256;

/** For RequestName: fail at once rather than wait in a queue. And its answers that mean success. */
const DO_NOT_QUEUE = 4;
const NAME_OWNED = [1, 4];

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

interface Listening {
  readonly match: SignalMatch;
  /** Whose signals they are: a unique name. */
  sender: string | undefined;
  readonly listener: (signal: Signal) => void;
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
  readonly #listeners = new Set<Listening>();
  readonly #uids = new Map<string, Promise<number>>();
  readonly #end = new AbortController();
  #served: ServedCalls | undefined;
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
    const serial = this.#nextSerial();
    const message = encodeMessage(METHOD_CALL, call, serial);
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
    const entry: Listening = { match, listener, sender: match.sender };
    let endOwner = () => {};
    // Signals carry the unique names of their senders only. The owner is known before the first one is heard.
    if (!match.sender.startsWith(':') && match.sender !== DAEMON.destination)
      endOwner = await this.onOwner(match.sender, owner => (entry.sender = owner));
    const rule = matchRule(match);
    this.#listeners.add(entry);
    try {
      await this.#callBus('AddMatch', 's', rule);
    } catch (error) {
      this.#listeners.delete(entry);
      endOwner();
      throw error;
    }
    return () => {
      if (!this.#listeners.delete(entry)) return;
      endOwner();
      // A rule that stays, since the bus has gone, goes with the connection.
      this.#callBus('RemoveMatch', 's', rule).catch(() => {});
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
      ({ body }) => {
        const [, , owner] = body();
        changed = true;
        listener(typeof owner === 'string' && owner ? owner : undefined);
      },
    );
    const owner = await this.#ownerOf(name);
    // A change that was heard meanwhile is at least as new as the reply.
    if (!changed) listener(owner);
    return end;
  }

  async requestName(name: string): Promise<'owned' | 'taken'> {
    const answer = await this.#callBus('RequestName', 'su', name, DO_NOT_QUEUE);
    return NAME_OWNED.includes(answer as number) ? 'owned' : 'taken';
  }

  emit(signal: OutgoingSignal): void {
    this.#connection.send(encodeMessage(SIGNAL, signal, this.#nextSerial()));
  }

  serve(handler: CallHandler): void {
    this.#served = new ServedCalls(handler, {
      uid: sender => this.#uidOf(sender),
      reply: reply => this.#reply(reply),
      onFault: this.#onFault,
    });
  }

  async flushed(): Promise<void> {
    await this.#connection.flushed();
  }

  close(): void {
    this.#finish('closed');
  }

  #reply(reply: OutgoingReply): void {
    const type = reply.errorName === undefined ? METHOD_RETURN : ERROR;
    const message = encodeMessage(type, reply, this.#nextSerial());
    this.#connection.send(message, reply.body instanceof EncodedBody ? reply.body.onSent : undefined);
  }

  #nextSerial(): number {
    // 32 bits, and never 0.
    this.#serial = this.#serial === 0xffffffff ? 1 : this.#serial + 1;
    return this.#serial;
  }

  /** Calls the bus itself. @returns the reply's first argument @throws as `call` */
  async #callBus(member: string, signature: string, ...body: readonly unknown[]): Promise<unknown> {
    const [answer] = await this.call({ ...DAEMON, member, signature, body });
    return answer;
  }

  async #uidOf(sender: string): Promise<number> {
    let uid = this.#uids.get(sender);
    if (!uid) {
      uid = this.#callBus('GetConnectionUnixUser', 's', sender) as Promise<number>;
      if (this.#uids.size >= REMEMBERED_UIDS) this.#uids.clear();
      this.#uids.set(sender, uid);
      uid.catch(() => this.#uids.delete(sender));
    }
    return await uid;
  }

  async #ownerOf(name: string): Promise<string | undefined> {
    try {
      return (await this.#callBus('GetNameOwner', 's', name)) as string;
    } catch (error) {
      if (isDbusError(error, 'NameHasNoOwner')) return undefined;
      throw error;
    }
  }

  /** @throws Error when the arguments of a signal that someone waits for are malformed */
  #receive(message: Incoming): void {
    if (message.type === SIGNAL) {
      const { path = '', interface: name = '', member = '', body } = message;
      for (const { match, sender, listener } of this.#listeners)
        if (matches(match, sender, message)) this.#tell(listener, { path, interface: name, member, body });
    } else if (message.type === METHOD_CALL) {
      this.#served?.receive(message);
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

function errorReply({ errorName = '', body }: Incoming): DbusError {
  const [text] = body();
  return new DbusError(errorName, typeof text === 'string' ? text : '');
}

function goneError(address: string, reason: string): MandosError {
  return new MandosError('DBUS_GONE', `no connection to the D-Bus message bus at ${address}: ${reason}`);
}
