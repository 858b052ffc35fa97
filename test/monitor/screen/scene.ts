import type { ClientView } from '../../../monitor/mirror/client-view.js';
import type { MirrorEvent } from '../../../monitor/mirror/mirror.js';
import type { Line } from '../../../monitor/screen/cells.js';
import { cells } from '../../../monitor/screen/cells.js';
import { chooseDisplay } from '../../../monitor/screen/looks.js';
import type { Effect, Message, Model } from '../../../monitor/screen/model.js';
import { initialModel } from '../../../monitor/screen/model.js';
import { update } from '../../../monitor/screen/update.js';
import { view } from '../../../monitor/screen/view.js';

/** When these tests take place, in local time. */
export const NOW_MS = new Date(2026, 10, 21, 14, 0, 0).getTime();

export const GLYPHS = chooseDisplay({ TERM: 'xterm-256color', LANG: 'C.UTF-8' }).glyphs;

/** A client with 4 minutes of 5 left, which was checked a minute ago. */
export function client(name: string, properties: Partial<ClientView> = {}): ClientView {
  return {
    path: `/clients/${name}`,
    name,
    host: `${name}.example.org`,
    keyId: 'AB'.repeat(32),
    fingerprint: 'CD'.repeat(20),
    enabled: true,
    checker: 'fping -q -- %(host)s',
    checkerRunning: false,
    lastCheckerStatus: 0,
    approvalPending: false,
    approvedByDefault: true,
    timeoutMs: 300_000,
    extendedTimeoutMs: 900_000,
    intervalMs: 120_000,
    approvalDelayMs: 0,
    approvalDurationMs: 1000,
    createdMs: NOW_MS - 86_400_000,
    expiresMs: NOW_MS + 240_000,
    lastEnabledMs: NOW_MS - 3_600_000,
    lastCheckedOkMs: NOW_MS - 60_000,
    lastApprovalRequestMs: undefined,
    ...properties,
  };
}

/** One that waits for approval, and is denied in so many seconds. */
export function waiting(name: string, seconds = 30): ClientView {
  return client(name, {
    approvalPending: true,
    approvedByDefault: false,
    approvalDelayMs: seconds * 1000,
    lastApprovalRequestMs: NOW_MS,
  });
}

export function live(...clients: ClientView[]): Message {
  const state = { status: { kind: 'live' }, clients: new Map(clients.map(one => [one.path, one])) } as const;
  return { kind: 'mirror', state };
}

export const GONE: Message = {
  kind: 'mirror',
  state: { status: { kind: 'no-server' }, clients: new Map() },
};

export function events(...list: MirrorEvent[]): Message {
  return { kind: 'events', events: list };
}

/** A screen without a terminal. */
export class TestScreen {
  model: Model;
  nowMs = NOW_MS;
  /** Since they were last asked for. */
  #effects: Effect[] = [];

  constructor(columns = 80, rows = 24) {
    this.model = initialModel({ columns, rows }, NOW_MS);
  }

  take(...messages: Message[]): this {
    for (const message of messages) {
      const { model, effects } = update(this.model, message, this.nowMs);
      this.model = model;
      this.#effects.push(...effects);
    }
    return this;
  }

  /** Types keys by their names. */
  keys(...keys: string[]): this {
    return this.take(...keys.map(key => ({ kind: 'key', key }) as const));
  }

  press(column: number, row: number): this {
    return this.take({ kind: 'mouse', action: 'press', column, row });
  }

  effects(): Effect[] {
    return this.#effects.splice(0);
  }

  lines(): Line[] {
    return view(this.model, GLYPHS);
  }

  /** As it is read, without the space at the ends of lines. */
  text(): string {
    return this.lines()
      .map(line => textOf(line).trimEnd())
      .join('\n');
  }

  /** Lines that are not as wide as the screen, or too many or few of them. */
  faults(): string[] {
    const { columns, rows } = this.model.size;
    const lines = this.lines().map(textOf);
    const wrong = lines.filter(line => cells(line) !== columns);
    return lines.length === rows ? wrong : [...wrong, `${lines.length} lines`];
  }

  /** How the first piece of text that matches looks. */
  look(pattern: RegExp): string | undefined {
    return this.lines()
      .flat()
      .find(({ text }) => pattern.test(text))?.look;
  }

  /** The names in the list, from the top. */
  names(): string[] {
    return this.text()
      .split('\n')
      .flatMap(line => /^[●○!?] (\S+)/.exec(line)?.[1] ?? []);
  }
}

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}
