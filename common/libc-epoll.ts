import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { declare, failed } from './libc.js';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
/** Wakes one of the processes that wait for the same descriptor, not all of them (Linux 4.5). */
export const EPOLLEXCLUSIVE = 0x1000_0000;

/** `struct epoll_event` is packed on x86-64, and naturally aligned elsewhere. */
const EVENT_BYTES = process.arch === 'x64' || process.arch === 'ia32' ? 12 : 16;
const DATA_OFFSET = EVENT_BYTES - 8;
/** Descriptors that are ready and handled in one turn of the event loop; the others are ready in the next. */
const READY_MAX = 64;

const epollCreate = declare<(flags: number) => number>('int epoll_create1(int flags)');
const epollControl = declare<(set: number, operation: number, fd: number, event: Uint8Array) => number>(
  'int epoll_ctl(int set, int operation, int fd, void *event)',
);
const epollWait = declare<(set: number, events: Uint8Array, most: number, timeoutMs: number) => number>(
  'int epoll_wait(int set, void *events, int most, int timeout_ms)',
);

/** Called when a descriptor is ready, or may be: that of one that was closed meanwhile may be meant. */
export type ReadyHandler = () => void;

/**
 * Descriptors of which one wants to hear when they are ready (epoll(7), level-triggered): for thousands of short
 * connections, each of which would cost several times more as a net.Socket. Node's event loop watches the set.
 */
export class EventPoll {
  readonly #set: number;
  readonly #handlers = new Map<number, ReadyHandler>();
  readonly #event = Buffer.alloc(EVENT_BYTES);
  readonly #ready = Buffer.alloc(EVENT_BYTES * READY_MAX);
  readonly #watch: ReturnType<typeof koffi.node.poll>;
  #turn: NodeJS.Immediate | undefined;

  constructor() {
    this.#set = epollCreate(EPOLL_CLOEXEC);
    if (this.#set < 0) throw failed('epoll_create1');
    // What koffi calls is outside of Node's own turns: promises that it settles would wait for the next event.
    this.#watch = koffi.node.poll(this.#set, { readable: true }, () => {
      this.#turn ??= setImmediate(() => this.#handle());
    });
    this.#watch.ref();
  }

  /** @param events EPOLLIN, EPOLLOUT, EPOLLEXCLUSIVE @throws SystemCallError */
  add(fd: number, events: number, handler: ReadyHandler): void {
    this.#control(EPOLL_CTL_ADD, fd, events);
    this.#handlers.set(fd, handler);
  }

  /** Waits for other events of a descriptor. */
  change(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** To be called before a descriptor is closed. */
  remove(fd: number): void {
    this.#handlers.delete(fd);
    epollControl(this.#set, EPOLL_CTL_DEL, fd, this.#event);
  }

  /** Frees it; the descriptors stay open. */
  close(): void {
    clearImmediate(this.#turn);
    this.#handlers.clear();
    this.#watch.close();
    closeSync(this.#set);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#event.writeUInt32LE(events, 0);
    this.#event.writeInt32LE(fd, DATA_OFFSET);
    if (epollControl(this.#set, operation, fd, this.#event) !== 0) throw failed('epoll_ctl');
  }

  #handle(): void {
    this.#turn = undefined;
    const count = epollWait(this.#set, this.#ready, READY_MAX, 0);
    for (let i = 0; i < count; i++) {
      this.#handlers.get(this.#ready.readInt32LE(EVENT_BYTES * i + DATA_OFFSET))?.();
    }
  }
}
