import type { ConfigFault, ConfigPlace } from '../../common/config-fault.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { CheckOutcome, Client } from '../client/client.js';
import type { ClientSettings } from '../client/settings.js';
import type { ServerOptions } from '../options.js';

/** What the configuration in the files is. */
export interface ConfigurationFacts {
  readonly options: ServerOptions;
  readonly clients: readonly ClientSettings[];
  readonly faults: readonly ConfigFault[];
  /** Where each client's section begins, by name. */
  readonly places: ReadonlyMap<string, ConfigPlace>;
  /** Paths that whoever asks may not read. */
  readonly forbidden: readonly string[];
  /** mandos.conf, when it was changed after the running server was started: it may have been reloaded since, or not. */
  readonly changedSinceStart: string | undefined;
}

/** Who is on the bus under the server's name, or what else shows that a server runs. */
export type ServerFacts =
  | {
      readonly kind: 'on-bus';
      /** Undefined for an original server, which does not tell; so is the rest. */
      readonly version: string | undefined;
      readonly address: string | undefined;
      readonly port: number | undefined;
      /** '' for all. */
      readonly interface: string | undefined;
    }
  /** There is one that does not answer. */
  | { readonly kind: 'silent'; readonly reason: string; readonly forbidden: boolean }
  /** Its state directory is locked, and nobody has its name on the bus. */
  | { readonly kind: 'off-bus'; readonly pid: number | undefined }
  /** Nobody has its name on the bus, and whoever asks may not look into the state directory. */
  | { readonly kind: 'hidden' }
  | { readonly kind: 'none' };

/** Whom it is about. */
export interface SubjectFacts {
  readonly name: string;
  /** In the files; undefined for one that they do not name. */
  readonly configured: ClientSettings | undefined;
  /** In the server, or as the next start would make it; undefined for one that is not there, or cannot be seen. */
  readonly client: Client | undefined;
  /** Where `client` was looked for: not at all, when the server does not show it. */
  readonly source: 'server' | 'state' | 'nowhere';
  /** Whether the release_check, max_releases and release_window of `client` are those in effect, and its releases counted. */
  readonly knowsLimits: boolean;
  /** To the running server, at run time: no file need name it. */
  readonly added: boolean;
  /** The stored state has it as removed by an operator. */
  readonly removed: boolean;
  /** Why the stored state cannot be read. */
  readonly stateFault: string | undefined;
}

/** How a check went that was made for this. */
export interface CheckFacts {
  /** After expansion. */
  readonly command: string;
  /** Undefined: it took longer than `limitMs`, and was ended. */
  readonly outcome: CheckOutcome | undefined;
  readonly limitMs: number;
  /** The last line that it wrote; '' for none. */
  readonly said: string;
  /** Whom it was run as. */
  readonly user: string;
}

/** A connection that was tried. */
export interface Dial {
  /** With its scope. */
  readonly address: string;
  /** Undefined: it was accepted. */
  readonly fault: string | undefined;
  /** Accepted, and then closed at once by the server. */
  readonly closed: boolean;
}

/** A service that was heard of. */
export interface Announcement {
  readonly instance: string;
  readonly port: number;
}

export interface NetworkFacts {
  readonly interfaces: readonly NetworkInterface[];
  /** Where clients are to connect to; undefined when nobody tells. */
  readonly port: number | undefined;
  readonly dials: readonly Dial[];
  /** Interfaces on which announcements were listened for; undefined when nobody has. */
  readonly heardOn: readonly string[] | undefined;
  readonly announcements: readonly Announcement[];
  readonly avahi: boolean;
}

/** All that the explanation follows from. */
export interface Facts {
  readonly nowMs: number;
  /** Local time, in minutes since Monday 00:00. */
  readonly minuteOfWeek: number;
  /** Who was asked for, as it was written. */
  readonly word: string;
  /** Undefined when nobody is called so; then `meant` may be. */
  readonly subject: SubjectFacts | undefined;
  readonly meant: string | undefined;
  readonly configuration: ConfigurationFacts;
  readonly server: ServerFacts;
  readonly network: NetworkFacts;
  readonly check: CheckFacts | undefined;
}
