import { describeError } from '../../common/errors.js';
import type { MirrorEvent } from '../mirror/mirror.js';
import type { WatchedServer } from '../mirror/watch-server.js';
import { paint } from './cells.js';
import type { Display } from './looks.js';
import type { Effect, Message, Request } from './model.js';
import { initialModel } from './model.js';
import type { Terminal } from './terminal.js';
import { update } from './update.js';
import { view } from './view.js';

/** The server's news are drawn no more often: thousands of clients have some all the time. Keys are drawn at once. */
const NEWS_MS = 100;

const SECOND_MS = 1000;

/** Shows the server on the terminal until the operator quits, or nobody is there any more. */
export async function runScreen(terminal: Terminal, server: WatchedServer, display: Display): Promise<void> {
  await new Promise<void>(resolve => {
    new Screen(terminal, server, display, resolve).start();
  });
}

class Screen {
  readonly #terminal: Terminal;
  readonly #server: WatchedServer;
  readonly #display: Display;
  readonly #onQuit: () => void;
  #model;
  #events: MirrorEvent[] = [];
  #news: NodeJS.Timeout | undefined;
  #frame: NodeJS.Immediate | undefined;
  #second: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(terminal: Terminal, server: WatchedServer, display: Display, onQuit: () => void) {
    this.#terminal = terminal;
    this.#server = server;
    this.#display = display;
    this.#onQuit = onQuit;
    this.#model = initialModel(terminal.size(), Date.now());
  }

  start(): void {
    this.#terminal.onInput(input => this.#take(input));
    this.#terminal.onResize(() => this.#take({ kind: 'resize', size: this.#terminal.size() }));
    this.#terminal.onEnd(() => this.#quit());
    this.#server.onChange(() => this.#hearNews());
    this.#server.onEvent(event => {
      this.#events.push(event);
      this.#hearNews();
    });
    this.#tick();
    this.#draw();
  }

  #take(message: Message): void {
    if (this.#isOver) return;
    const { model, effects } = update(this.#model, message, Date.now());
    this.#model = model;
    for (const effect of effects) this.#do(effect);
    // What was typed at once is drawn at once.
    this.#frame ??= setImmediate(() => this.#draw());
  }

  #hearNews(): void {
    this.#news ??= setTimeout(() => {
      this.#news = undefined;
      const events = this.#events;
      this.#events = [];
      this.#take({ kind: 'mirror', state: this.#server.state() });
      if (events.length > 0) this.#take({ kind: 'events', events });
    }, NEWS_MS);
  }

  /** Countdowns go on when the second does. */
  #tick(): void {
    this.#second = setTimeout(
      () => {
        this.#take({ kind: 'tick' });
        this.#tick();
      },
      SECOND_MS - (Date.now() % SECOND_MS),
    );
  }

  #draw(): void {
    this.#frame = undefined;
    if (this.#isOver) return;
    const { glyphs } = this.#display;
    this.#terminal.draw(view(this.#model, glyphs).map(line => paint(line, this.#display)));
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case 'request':
        void this.#request(effect.request);
        return;
      case 'bell':
        this.#terminal.bell();
        return;
      case 'redraw':
        this.#terminal.forget();
        return;
      case 'suspend':
        this.#terminal.suspend(() => this.#take({ kind: 'resize', size: this.#terminal.size() }));
        return;
      case 'quit':
        this.#quit();
    }
  }

  async #request({ call, what, done }: Request): Promise<void> {
    try {
      if (call.kind === 'set') await this.#server.set(call.path, call.property, call.value);
      else if (call.kind === 'remove') await this.#server.callServer('RemoveClient', 'o', [call.path]);
      else if (call.approve === undefined) await this.#server.call(call.path, call.member);
      else await this.#server.call(call.path, call.member, 'b', [call.approve]);
      this.#take({ kind: 'done', text: done });
    } catch (error) {
      this.#take({ kind: 'failed', text: `could not ${what}: ${describeError(error)}` });
    }
  }

  #quit(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#news);
    clearTimeout(this.#second);
    clearImmediate(this.#frame);
    this.#onQuit();
  }
}
