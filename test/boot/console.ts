import type { Socket } from 'node:net';

/** A boot on an emulated processor, on a machine that is busy with others too. */
export const BOOT_WAIT_MS = 300_000;

/** How much of the console an error quotes. */
const TAIL_CHARS = 6_000;

/** A line of the console, or what stands there without a line end yet. */
export interface ConsoleMatch {
  readonly text: string;
  readonly groups: readonly string[];
  /** Seconds since the machine was switched on, when the last character of it came. */
  readonly seconds: number;
  /** Seconds that its processor has worked by then: on a busy machine the better measure. */
  readonly cpuSeconds: number;
}

/** The serial console of a machine: what it shows, with times, and a keyboard. */
export class Console {
  readonly #socket: Socket;
  readonly #startMs: number;
  #text = '';
  /** When the text had which length. */
  readonly #arrivals: { length: number; seconds: number; cpuSeconds: number }[] = [];
  readonly #cpuSeconds: () => number;
  #closed = false;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket, cpuSeconds: () => number) {
    this.#socket = socket;
    this.#cpuSeconds = cpuSeconds;
    this.#startMs = performance.now();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#arrivals.push({
        length: this.#text.length,
        seconds: (performance.now() - this.#startMs) / 1000,
        cpuSeconds: this.#cpuSeconds(),
      });
      this.#notify();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
  }

  /** Everything shown so far. */
  get text(): string {
    return this.#text;
  }

  /**
   * Waits until the console shows a text.
   * @param from where in `text` to start looking: pass an earlier `text.length` for what comes next
   * @throws when the machine switches itself off, or the time is over before that; the message has the console's end
   */
  async waitFor(pattern: RegExp, timeoutMs: number = BOOT_WAIT_MS, from = 0): Promise<ConsoleMatch> {
    return await new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        act();
      };
      const fail = (what: string) => {
        end(() => reject(new Error(`the console ${what} ${pattern}; ${this.tail()}`)));
      };
      const timer = setTimeout(() => fail(`did not show in ${timeoutMs / 1000} s:`), timeoutMs);
      const look = () => {
        const found = this.find(pattern, from);
        if (found) end(() => resolve(found));
        else if (this.#closed) fail('ended without');
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** The first place that matches, if there is one by now. */
  find(pattern: RegExp, from = 0): ConsoleMatch | undefined {
    const found = pattern.exec(this.#text.slice(from));
    if (!found) return undefined;
    const end = from + found.index + found[0].length;
    const arrival = this.#arrivals.find(({ length }) => length >= end);
    if (arrival === undefined) throw new RangeError('what is shown has arrived');
    const { seconds, cpuSeconds } = arrival;
    return { text: found[0], groups: found.slice(1), seconds, cpuSeconds };
  }

  /** Types a text at the keyboard; a carriage return is the key Enter. */
  type(text: string): void {
    this.#socket.write(text);
  }

  /** For messages: how the console ends. */
  tail(): string {
    return `it ends:\n${this.#text.slice(-TAIL_CHARS).replaceAll('\r', '')}`;
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
