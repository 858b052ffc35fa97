import { formatEndpoint } from '../../common/endpoint.js';
import { describeError } from '../../common/errors.js';
import type { EventPoll } from '../../common/libc-epoll.js';
import { EPOLLIN, EPOLLOUT } from '../../common/libc-epoll.js';
import type { AcceptedSocket } from '../../common/libc-tcp.js';
import { closeDescriptor, endWriting, receiveBytes } from '../../common/libc-tcp.js';
import type { Log } from '../../common/log.js';
import { PROTOCOL_VERSION, greetingVersion } from '../../common/protocol.js';
import type { Step } from '../../common/tls/descriptor-session.js';
import { DescriptorSession } from '../../common/tls/descriptor-session.js';
import type { TlsContext } from '../../common/tls/tls-context.js';
import { TlsError } from '../../common/tls/tls-error.js';
import type { Peer } from '../client/events.js';
import type { ServerLimits } from '../config/limits.js';
import { MAX_GREETING_LIMIT_BYTES } from '../config/limits.js';
import type { Ticket } from './admission.js';
import type { RefusalLog, StrangerKind } from './refusal-log.js';

/** How much one connection may ask for. */
export type ConnectionLimits = Pick<
  ServerLimits,
  'greetingTimeoutMs' | 'handshakeTimeoutMs' | 'maxGreetingBytes'
>;

/** For the peer to take the secret and close: some of TCP's retransmissions on a bad link. */
const CLOSE_TIMEOUT_MS = 30_000;

export interface ReleaseService {
  readonly context: TlsContext;
  readonly log: Log;
  readonly refusals: Pick<RefusalLog, 'stranger' | 'client'>;
  readonly limits: () => ConnectionLimits;
  /** Milliseconds that a peer has to take what it is sent, and to close. Default: CLOSE_TIMEOUT_MS. */
  readonly closeTimeoutMs?: number;
  /** Whoever proved `keyId` (lower-case hexadecimal) asks for what belongs to it. */
  readonly ask: (keyId: string, peer: Peer) => AskedRequest;
}

/** What becomes of a request; `client` of a refusal is one that is known. */
export type Answer =
  | {
      readonly kind: 'release';
      readonly client: { readonly settings: { readonly name: string; readonly secret: Uint8Array } };
    }
  | {
      readonly kind: 'refuse';
      readonly client: { readonly settings: { readonly name: string } } | undefined;
      readonly reason: string;
    };

/** ReleaseRequest of server/client/requests.ts, as far as a connection needs it. */
export interface AskedRequest {
  readonly verdict: Promise<Answer>;
  sent(): void;
  close(): void;
}

/** What a connection is at: each waits for the peer, but `asking`, which waits for a verdict and hears of a close. */
type Phase = 'greeting' | 'handshake' | 'asking' | 'sending' | 'closing' | 'closed';

const greetingBuffer = Buffer.allocUnsafeSlow(MAX_GREETING_LIMIT_BYTES + 1);
const ignored = Buffer.allocUnsafeSlow(16 * 1024);

/**
 * Serves one connection of protocol version 1 (mandos(8), NETWORK PROTOCOL): greeting, TLS with the roles reversed,
 * verdict, secret, close. Says in one log line how it ended, and each step at debug level. Never throws.
 */
export class Connection {
  readonly #fd: number;
  readonly #peer: Peer;
  readonly #name: string;
  readonly #poll: EventPoll;
  readonly #service: ReleaseService;
  readonly #ticket: Ticket;
  readonly #onClosed: (connection: Connection) => void;
  #phase: Phase = 'greeting';
  #events = EPOLLIN;
  #greeting = '';
  #session: DescriptorSession | undefined;
  #request: AskedRequest | undefined;
  #secret: Uint8Array | undefined;
  /** Whose secret it is. */
  #client = '';
  #timer: NodeJS.Timeout;

  /** @param socket which the connection owns from now on */
  constructor(
    socket: AcceptedSocket,
    poll: EventPoll,
    service: ReleaseService,
    ticket: Ticket,
    onClosed: (connection: Connection) => void,
  ) {
    this.#fd = socket.fd;
    this.#peer = { address: socket.address, port: socket.port };
    this.#name = formatEndpoint(socket.address, socket.port);
    this.#poll = poll;
    this.#service = service;
    this.#ticket = ticket;
    this.#onClosed = onClosed;
    this.#debug('connected');
    const { greetingTimeoutMs } = service.limits();
    this.#timer = setTimeout(
      () => this.#fail(`no greeting after ${greetingTimeoutMs / 1000} s`),
      greetingTimeoutMs,
    );
    ticket.waits(() => this.#giveWay());
    poll.add(socket.fd, EPOLLIN, () => this.#advance());
  }

  /** Ends it, whatever it is at. */
  destroy(): void {
    if (this.#phase === 'sending') this.#broken('server stops');
    this.#close();
  }

  /** Does whatever the peer, or the socket, allows now. */
  #advance(): void {
    try {
      if (this.#phase === 'greeting') this.#readGreeting();
      if (this.#phase === 'handshake') this.#shakeHands();
      else if (this.#phase === 'asking') this.#listenWhileAsking();
      else if (this.#phase === 'sending') this.#send();
      else if (this.#phase === 'closing') this.#awaitClose();
    } catch (error) {
      this.#crash(error);
    }
  }

  /** None of this should throw; if it does, that is this connection's end and nobody else's. */
  #crash(error: unknown): void {
    this.#service.log.error(`${this.#name}: ${describeError(error)}`);
    this.#close();
  }

  /** What is behind the line's end belongs to TLS, and stays where GnuTLS reads it. */
  #readGreeting(): void {
    const limit = this.#service.limits().maxGreetingBytes;
    const room = greetingBuffer.subarray(0, limit + 1 - this.#greeting.length);
    const peeked = receiveBytes(this.#fd, room, true);
    if (peeked === 'later') return;
    if (typeof peeked === 'object')
      return this.#fail(`connection failed before the greeting: ${peeked.error}`);
    if (peeked === 0) {
      if (this.#greeting !== '') return this.#fail('connection closed before the greeting');
      // A look at whether the port is open, as monitoring has them: nothing was tried, so that nothing has failed.
      this.#debug('closed without having sent anything');
      return this.#close();
    }
    const end = room.subarray(0, peeked).indexOf('\n');
    const taken = end < 0 ? peeked : end + 1;
    receiveBytes(this.#fd, room.subarray(0, taken));
    this.#greeting += room.toString('latin1', 0, taken);
    if (end < 0 && this.#greeting.length <= limit) return undefined;
    if (end < 0) return this.#fail(`greeting longer than ${limit} bytes; not a Mandos client`);
    const line = this.#greeting.trim();
    if (greetingVersion(line) !== PROTOCOL_VERSION) {
      return this.#fail(`greeting "${line}" does not ask for Mandos protocol ${PROTOCOL_VERSION}`);
    }
    this.#debug('greeting received');
    const { handshakeTimeoutMs } = this.#service.limits();
    this.#arm(handshakeTimeoutMs, () =>
      this.#fail(`TLS handshake not complete after ${handshakeTimeoutMs / 1000} s`),
    );
    this.#session = new DescriptorSession(this.#fd, this.#service.context);
    this.#phase = 'handshake';
    return undefined;
  }

  #shakeHands(): void {
    const step = this.#session?.handshake();
    if (step === undefined) return;
    if (step instanceof TlsError) return this.#fail(describeError(step));
    if (step !== 'done') return this.#await(step);
    clearTimeout(this.#timer);
    this.#ticket.proven();
    const keyId = this.#session?.peerKeyId ?? '';
    this.#debug(`handshake complete, key ID ${keyId.toUpperCase()}`);
    this.#phase = 'asking';
    this.#await('read');
    this.#request = this.#service.ask(keyId, this.#peer);
    this.#request.verdict
      .then(verdict => this.#answer(verdict))
      .catch((error: unknown) => this.#crash(error));
    return undefined;
  }

  /** Who has closed does not wait for an operator any more. */
  #listenWhileAsking(): void {
    const step = this.#session?.discard();
    if (step === 'done') {
      this.#service.log.info(`${this.#name}: gone before its request was decided`);
      this.#close();
    } else if (step instanceof TlsError) {
      this.#refused(describeError(step));
      this.#close();
    }
  }

  #answer(verdict: Answer): void {
    if (this.#phase !== 'asking') return;
    this.#arm(this.#service.closeTimeoutMs ?? CLOSE_TIMEOUT_MS, () => this.#late());
    if (verdict.kind === 'refuse') {
      const line = `refused ${this.#name}: ${verdict.reason}`;
      const { refusals } = this.#service;
      if (verdict.client) refusals.client(verdict.client.settings.name, line);
      else {
        // Keys cost nothing to make.
        this.#ticket.failed();
        this.#ticket.waits(() => this.#giveWay());
        refusals.stranger('unknown-key', this.#peer.address, line);
      }
      this.#sayGoodbye();
      return;
    }
    this.#phase = 'sending';
    this.#client = verdict.client.settings.name;
    this.#secret = verdict.client.settings.secret;
    this.#send();
  }

  #send(): void {
    if (!this.#session || !this.#secret) return undefined;
    const step = this.#session.send(this.#secret);
    if (step instanceof TlsError) {
      this.#broken(describeError(step));
      return this.#close();
    }
    if (step !== 'done') return this.#await('write');
    this.#sayGoodbye();
    this.#request?.sent();
    this.#request?.close();
    return undefined;
  }

  #sayGoodbye(): void {
    this.#session?.closeNotify();
    endWriting(this.#fd);
    this.#phase = 'closing';
    this.#await('read');
  }

  #awaitClose(): void {
    const step = this.#session?.discard();
    if (step === 'read' || step === 'write') return;
    if (step instanceof TlsError) this.#debug(`${describeError(step)} after the end`);
    this.#close();
  }

  #late(): void {
    if (this.#phase === 'sending') this.#broken('peer does not take it');
    else this.#debug('peer does not close after the end');
    this.#close();
  }

  #broken(reason: string): void {
    this.#service.log.warning(`${this.#client}: secret could not be sent to ${this.#name}: ${reason}`);
  }

  /** Another wants the place. What has arrived is looked at first: who is slow may be this server. */
  #giveWay(): void {
    this.#advance();
    if (this.#phase === 'greeting' || this.#phase === 'handshake') {
      this.#fail('it has given its place to another (max_connections)', 'too-many');
    } else if (this.#phase === 'closing') this.#close();
  }

  /** It has failed before a key was proven. */
  #fail(reason: string, kind: StrangerKind = 'failed'): void {
    this.#refused(reason, kind);
    this.#ticket.failed();
    // With bytes that nobody has read, a close would be a reset to the peer.
    if (this.#phase === 'greeting') receiveBytes(this.#fd, ignored);
    this.#close();
  }

  #refused(reason: string, kind: StrangerKind = 'failed'): void {
    this.#service.refusals.stranger(kind, this.#peer.address, `refused ${this.#name}: ${reason}`);
  }

  #close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    clearTimeout(this.#timer);
    this.#secret = undefined;
    this.#session?.free();
    this.#poll.remove(this.#fd);
    closeDescriptor(this.#fd);
    this.#request?.close();
    this.#ticket.close();
    this.#debug('closed');
    this.#onClosed(this);
  }

  #arm(delayMs: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, delayMs);
  }

  /** Waits for the socket to have bytes, or to take some. */
  #await(step: Exclude<Step, 'done' | TlsError>): void {
    const events = step === 'write' ? EPOLLOUT : EPOLLIN;
    if (events === this.#events) return;
    this.#events = events;
    this.#poll.change(this.#fd, events);
  }

  #debug(text: string): void {
    const { log } = this.#service;
    if (log.isEnabled('debug')) log.debug(`${this.#name}: ${text}`);
  }
}
