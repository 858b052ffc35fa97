import dgram from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import type { Packet } from './packets.js';

/** Counts what is sent. */
export interface Wire {
  readonly sockets: MemoryDatagrams[];
  readonly sent: Buffer[];
}

/** A UDP socket that is on no network, since packets of a fuzzer belong on none. */
class MemoryDatagrams extends EventEmitter {
  readonly #wire: Wire;
  #isClosed = false;

  constructor(wire: Wire) {
    super();
    this.#wire = wire;
    wire.sockets.push(this);
  }

  bind(...args: unknown[]): this {
    const done = args.find(argument => typeof argument === 'function') as (() => void) | undefined;
    if (done) this.once('listening', done);
    // As of node:dgram's: never once it is closed.
    queueMicrotask(() => this.#isClosed || this.emit('listening'));
    return this;
  }

  send(packet: Buffer, ...args: unknown[]): void {
    this.#wire.sent.push(packet);
    const done = args.findLast(argument => typeof argument === 'function') as
      ((error: null) => void) | undefined;
    queueMicrotask(() => done?.(null));
  }

  close(done?: () => void): this {
    this.#isClosed = true;
    queueMicrotask(() => {
      this.emit('close');
      done?.();
    });
    return this;
  }

  address() {
    return { address: '::', family: 'IPv6', port: 5353 };
  }

  addMembership(): void {}
  dropMembership(): void {}
  setMulticastInterface(): void {}
  setMulticastTTL(): void {}
  setMulticastLoopback(): void {}
  setTTL(): void {}
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** From now on all UDP sockets of this process are in memory. To be called before what uses them is loaded. */
export function keepDatagramsInMemory(): Wire {
  const wire: Wire = { sockets: [], sent: [] };
  dgram.createSocket = (() => new MemoryDatagrams(wire)) as unknown as typeof dgram.createSocket;
  syncBuiltinESMExports();
  return wire;
}

/** Brings a packet of a neighbour to all sockets. */
export function deliver(wire: Wire, { bytes, isFromMdnsPort }: Packet, address: string): void {
  const from: RemoteInfo = {
    address,
    family: 'IPv6',
    port: isFromMdnsPort ? 5353 : 40_000,
    size: bytes.length,
  };
  for (const socket of wire.sockets) socket.emit('message', Buffer.from(bytes), from);
}
