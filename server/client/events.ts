import type { CheckOutcome, Client } from './client.js';
import type { Refusal } from './release-policy.js';
import type { ChangeableSettings } from './settings-change.js';

/** Where a request came from. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Who has decided: the configuration, the client's own checks, or an operator, by user ID. */
export type Origin =
  | { readonly kind: 'configuration' }
  | { readonly kind: 'checks' }
  | { readonly kind: 'operator'; readonly uid: number | undefined };

export const BY_CONFIGURATION: Origin = { kind: 'configuration' };
export const BY_CHECKS: Origin = { kind: 'checks' };

/** What happened to a client. A change of its state comes first, then what that change means. */
export type ClientEvent =
  | { readonly kind: 'changed'; readonly client: Client; readonly before: Client }
  | { readonly kind: 'added'; readonly client: Client; readonly by: Origin }
  | { readonly kind: 'removed'; readonly client: Client; readonly by: Origin }
  | { readonly kind: 'enabled'; readonly client: Client; readonly by: Origin }
  | { readonly kind: 'disabled'; readonly client: Client; readonly by: Origin; readonly reason: string }
  /** It will be disabled in `leftMs` if it does not answer: said once, until its time is another. */
  | {
      readonly kind: 'expiring-soon';
      readonly client: Client;
      readonly leftMs: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'settings-changed';
      readonly client: Client;
      readonly by: Origin;
      readonly settings: readonly (keyof ChangeableSettings)[];
    }
  | { readonly kind: 'approved'; readonly client: Client; readonly by: Origin; readonly granted: boolean }
  | { readonly kind: 'checker-started'; readonly client: Client; readonly command: string }
  | {
      readonly kind: 'checker-completed';
      readonly client: Client;
      readonly command: string;
      readonly outcome: CheckOutcome;
    }
  | {
      readonly kind: 'approval-needed';
      readonly client: Client;
      readonly keyId: string;
      readonly peer: Peer;
      readonly delayMs: number;
    }
  /** Somebody asks with the client's key while the client's checker finds the machine up and running. */
  | { readonly kind: 'impostor'; readonly client: Client; readonly keyId: string; readonly peer: Peer }
  | { readonly kind: 'released'; readonly client: Client; readonly keyId: string; readonly peer: Peer }
  /** The connection ended before the secret was sent whole: the peer may have a part of it, or all. */
  | {
      readonly kind: 'release-interrupted';
      readonly client: Client;
      readonly keyId: string;
      readonly peer: Peer;
    }
  | {
      readonly kind: 'refused';
      readonly client: Client | undefined;
      readonly keyId: string;
      readonly peer: Peer;
      readonly refusal: Refusal;
    };

/** Hears of each event, in order. One that throws is faulty. */
export type ClientListener = (event: ClientEvent) => void;

/** What happened is said once, and everybody who wants to know listens here. */
export class ClientEvents {
  readonly #listeners: ClientListener[] = [];
  readonly #pending: ClientEvent[] = [];
  readonly #onFault: (error: unknown) => void;
  #isEmitting = false;

  /** @param onFault hears what a listener has thrown; without it, that is an error which nobody catches */
  constructor(onFault: (error: unknown) => void = throwUncaught) {
    this.#onFault = onFault;
  }

  subscribe(listener: ClientListener): void {
    this.#listeners.push(listener);
  }

  /**
   * All listeners hear this before the next event: what one of them brings about comes after it. None of them can keep
   * the others from hearing it, or whoever emits it from going on.
   */
  emit(event: ClientEvent): void {
    this.#pending.push(event);
    if (this.#isEmitting) return;
    this.#isEmitting = true;
    for (let next; (next = this.#pending.shift());) {
      for (const listener of this.#listeners) this.#tell(listener, next);
    }
    this.#isEmitting = false;
  }

  #tell(listener: ClientListener, event: ClientEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#onFault(error);
    }
  }
}

/** Later, where no caller can take it for a fault of its own. */
function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
