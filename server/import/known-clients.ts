import type { Importable, ImportedClient } from './imported-client.js';

/** Whom the original knew under a name or a key, be it that it was removed. */
export interface Acquaintance {
  readonly name: string;
  readonly keyId: string | undefined;
  /** False for a removed one, too. */
  readonly enabled: boolean;
}

/** The original's clients, by what they can be recognised by. */
export class KnownClients {
  readonly #clients = new Map<string, ImportedClient>();
  readonly #byName = new Map<string, Acquaintance>();
  readonly #byKeyId = new Map<string, Acquaintance>();

  constructor({ clients, configuredThen }: Importable) {
    for (const client of clients) {
      const { name, enabled, settings } = client;
      this.#clients.set(name, client);
      this.#remember({ name, keyId: settings.keyId, enabled });
    }
    for (const [name, { keyId }] of configuredThen ?? []) {
      if (!this.#clients.has(name)) this.#remember({ name, keyId, enabled: false });
    }
  }

  find(name: string): ImportedClient | undefined {
    return this.#clients.get(name);
  }

  withName(name: string): Acquaintance | undefined {
    return this.#byName.get(name);
  }

  withKey(keyId: string | undefined): Acquaintance | undefined {
    return keyId === undefined ? undefined : this.#byKeyId.get(keyId);
  }

  #remember(client: Acquaintance): void {
    this.#byName.set(client.name, client);
    if (client.keyId !== undefined) this.#byKeyId.set(client.keyId, client);
  }
}
