import type { MirrorEvent, MirrorState, ServerStatus } from '../mirror/mirror.js';
import type { WritableProperty } from '../mirror/mandos-names.js';
import type { Departed } from './departed.js';
import type { Journal } from './journal.js';
import { EMPTY_JOURNAL } from './journal.js';
import type { Clients, Listing, Order } from './listing.js';
import { listClients } from './listing.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What the operator is asked, or doing, besides looking at the list. */
export type Mode =
  | { readonly kind: 'list' }
  | { readonly kind: 'filter' }
  | { readonly kind: 'help'; readonly top: number }
  | { readonly kind: 'confirm'; readonly request: Request };

/** Something to be asked of the server. */
export interface Request {
  readonly call:
    | {
        readonly kind: 'set';
        readonly path: string;
        readonly property: WritableProperty;
        readonly value: boolean;
      }
    | { readonly kind: 'method'; readonly path: string; readonly member: string; readonly approve?: boolean }
    | { readonly kind: 'remove'; readonly path: string };
  /** `disable web1`, for questions and faults. */
  readonly what: string;
  /** `web1 is disabled`. */
  readonly done: string;
}

/** One line about what the operator has just done. */
export interface Notice {
  readonly text: string;
  readonly isFault: boolean;
  readonly untilMs: number;
}

/** Everything that decides what the screen shows. */
export interface Model {
  readonly size: Size;
  readonly nowMs: number;
  readonly status: ServerStatus;
  /** As they are, or as they were when the server was last there. */
  readonly clients: Clients;
  /** Since when the clients are no more than what was; undefined while the server is there, or never was. */
  readonly goneSinceMs: number | undefined;
  /** Those that have just gone from a server that is there. */
  readonly departed: Departed | undefined;
  readonly journal: Journal;
  /** The path of the selected client. */
  readonly selected: string | undefined;
  /** Its place when it was last in the list: whoever is there when it goes is selected then. */
  readonly place: number;
  /** The place of the first client that is drawn. */
  readonly top: number;
  readonly filter: string;
  readonly order: Order;
  readonly mode: Mode;
  readonly focus: 'clients' | 'log';
  readonly log: {
    readonly shown: boolean;
    readonly wrap: boolean;
    readonly verbose: boolean;
    /** How many lines the end of the log is below the pane; 0 follows it. */
    readonly back: number;
  };
  /** `auto`: where there is room beside the list. */
  readonly details: 'auto' | 'shown' | 'hidden';
  readonly notice: Notice | undefined;
}

export type Input =
  | { readonly kind: 'key'; readonly key: string }
  | {
      readonly kind: 'mouse';
      readonly action: 'press' | 'wheel-up' | 'wheel-down';
      /** From 0. */
      readonly column: number;
      readonly row: number;
    };

/** What happens to a screen. */
export type Message =
  | Input
  | { readonly kind: 'resize'; readonly size: Size }
  | { readonly kind: 'tick' }
  | { readonly kind: 'mirror'; readonly state: MirrorState }
  | { readonly kind: 'events'; readonly events: readonly MirrorEvent[] }
  | { readonly kind: 'done' | 'failed'; readonly text: string };

/** What a screen wants done. */
export type Effect =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'bell' | 'quit' | 'redraw' | 'suspend' };

export function initialModel(size: Size, nowMs: number): Model {
  return {
    size,
    nowMs,
    status: { kind: 'connecting' },
    clients: new Map(),
    goneSinceMs: undefined,
    departed: undefined,
    journal: EMPTY_JOURNAL,
    selected: undefined,
    place: 0,
    top: 0,
    filter: '',
    order: { key: 'name', descending: false },
    mode: { kind: 'list' },
    focus: 'clients',
    log: { shown: true, wrap: true, verbose: false, back: 0 },
    details: 'auto',
    notice: undefined,
  };
}

/** The clients as they are listed now. */
export function listing(model: Model): Listing {
  return listClients(model.clients, model.filter, model.order, model.journal.releases);
}

/** Whether what is shown is what is. */
export function isLive(model: Model): boolean {
  return model.status.kind === 'live';
}
