import { describeError, MandosError } from '../errors.js';
import { DbusFault } from './errors.js';
import type { Arguments, OutgoingReply } from './message.js';
import type { Incoming } from './read-messages.js';

/** A method call that has arrived. */
export interface IncomingCall {
  readonly path: string;
  /** A caller may leave it out. */
  readonly interface?: string;
  readonly member: string;
  readonly signature: string;
  /** The caller's unique name. */
  readonly sender: string;
  /** The caller wants no reply, and gets none. */
  readonly noReply: boolean;
  /** Decodes the arguments. @throws DbusFault InvalidArgs when they are malformed or too long */
  readonly body: () => readonly unknown[];
  /** The caller's Unix user ID, as the bus knows it. @throws as Bus.call, when the caller has gone for example */
  readonly uid: () => Promise<number>;
}

/**
 * Answers a call: with the reply's arguments (undefined: none), or by throwing. A DbusFault is what the caller is
 * told; anything else is told to `onFault`, and the caller that it failed.
 */
export type CallHandler = (call: IncomingCall) => Arguments | undefined | Promise<Arguments | undefined>;

/**
 * Calls of one program that are under way. dbus-daemon allows as many that wait for a reply
 * (max_replies_per_connection of a system bus), so that only who wants no replies meets this limit.
 */
const CALLS_PER_SENDER = 128;
/** Calls under way in all, at some kilobytes each: eight programs that each do the most they may. */
const CALLS_LIMIT = 1024;

export interface ServedCallsEffects {
  readonly uid: (sender: string) => Promise<number>;
  /** @throws MandosError when it cannot be encoded */
  readonly reply: (reply: OutgoingReply) => void;
  readonly onFault: (reason: string) => void;
}

/** Has calls answered: each once, and only so many at a time. */
export class ServedCalls {
  readonly #handler: CallHandler;
  readonly #effects: ServedCallsEffects;
  readonly #underWay = new Map<string, number>();
  #total = 0;

  constructor(handler: CallHandler, effects: ServedCallsEffects) {
    this.#handler = handler;
    this.#effects = effects;
  }

  /** @param message a method call; one that lacks what calls must have is ignored, as no bus relays it */
  receive(message: Incoming): void {
    const { path, interface: name, member, sender } = message;
    if (path === undefined || member === undefined || sender === undefined) return;
    const ofSender = this.#underWay.get(sender) ?? 0;
    if (ofSender >= CALLS_PER_SENDER || this.#total >= CALLS_LIMIT) {
      this.#refuse(
        message,
        sender,
        new DbusFault('LimitsExceeded', 'too many calls at once; try again later'),
      );
      return;
    }
    this.#underWay.set(sender, ofSender + 1);
    this.#total++;
    const { signature, noReply } = message;
    void this.#answer(message, {
      path,
      ...(name === undefined ? {} : { interface: name }),
      member,
      signature,
      sender,
      noReply,
      body: () => bodyOf(message),
      uid: () => this.#effects.uid(sender),
    });
  }

  async #answer(message: Incoming, call: IncomingCall): Promise<void> {
    try {
      const reply = await this.#handler(call);
      if (!call.noReply)
        this.#effects.reply({ ...reply, destination: call.sender, replySerial: message.serial });
    } catch (error) {
      this.#refuse(message, call.sender, error);
    } finally {
      const left = (this.#underWay.get(call.sender) ?? 1) - 1;
      if (left > 0) this.#underWay.set(call.sender, left);
      else this.#underWay.delete(call.sender);
      this.#total--;
    }
  }

  #refuse({ noReply, member, serial }: Incoming, destination: string, error: unknown): void {
    let fault: DbusFault;
    if (error instanceof DbusFault) {
      fault = error;
    } else if (error instanceof MandosError && error.code === 'DBUS_TOO_LONG') {
      fault = new DbusFault('LimitsExceeded', 'the reply is longer than the bus relays');
    } else {
      this.#effects.onFault(`${member} failed: ${describeError(error)}`);
      fault = new DbusFault('Failed', 'the server could not do that; its log says why');
    }
    if (noReply) return;
    try {
      this.#effects.reply({
        destination,
        replySerial: serial,
        errorName: fault.dbusName,
        signature: 's',
        body: [fault.message],
      });
    } catch (unsendable) {
      this.#effects.onFault(`the error reply to ${member} cannot be sent: ${describeError(unsendable)}`);
    }
  }
}

function bodyOf(message: Incoming): readonly unknown[] {
  try {
    return message.body();
  } catch (error) {
    throw new DbusFault('InvalidArgs', `the arguments cannot be read: ${describeError(error)}`);
  }
}
