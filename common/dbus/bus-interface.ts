import type { MethodCall, OutgoingSignal } from './message.js';
import type { CallHandler } from './served-calls.js';
import type { SignalMatch } from './signal-match.js';

export interface Signal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Decodes the arguments. @throws Error when they are malformed or too long, which a listener may leave to the bus */
  readonly body: () => readonly unknown[];
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
   * Hears signals, from the moment that the promise resolves, or from the moment that the sender's well-known name
   * gets an owner.
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
  /**
   * Takes a well-known name, without waiting for it.
   * @returns `taken` when another program has it
   * @throws as `call`: DbusError org.freedesktop.DBus.Error.AccessDenied when the bus's policy forbids it
   */
  requestName(name: string): Promise<'owned' | 'taken'>;
  /**
   * Sends a signal to whoever wants it; when the bus is gone, to nobody.
   * @throws MandosError DBUS_VALUE when the arguments do not fit the signature, or a name is none
   */
  emit(signal: OutgoingSignal): void;
  /** Has calls answered that arrive from now on; before, there is no reply to any. */
  serve(handler: CallHandler): void;
  /** Resolves when what was sent has left the process, or the bus is gone: to be awaited before a clean `close`. */
  flushed(): Promise<void>;
  close(): void;
}
