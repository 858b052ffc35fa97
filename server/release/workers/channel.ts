import type { Duplex } from 'node:stream';

/**
 * Messages between the server and a worker: lines of JSON on a socket, since Node's own channel costs several times as
 * much. What is said in one turn of the event loop goes in one write.
 */
export class Channel<Out extends object> {
  readonly #socket: Duplex;
  #waiting = '';

  /**
   * @param hear is told what comes; it must not throw
   * @param onClosed the other end is gone; called once
   */
  constructor(socket: Duplex, hear: (message: never) => void, onClosed: () => void) {
    this.#socket = socket;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      // Both ends are this program: there is nothing else to be read here.
      for (const line of lines) hear(JSON.parse(line) as never);
    });
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('close', onClosed);
  }

  tell(message: Out): void {
    if (this.#waiting === '') process.nextTick(() => this.#write());
    this.#waiting += `${JSON.stringify(message)}\n`;
  }

  /** Says what is not said yet, and no more. */
  end(): void {
    this.#write();
    this.#socket.end();
  }

  #write(): void {
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '' && this.#socket.writable) this.#socket.write(text);
  }
}
