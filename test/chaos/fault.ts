import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from '../interop/scene.js';
import type { Child } from '../support/child.js';
import { PASSWORD } from './identities.js';
import type { Times } from './identities.js';
import type { Site } from './site.js';

/** How long after a fault everything has to be in order again. Generous, as machines that run tests may be slow. */
export const RECOVERY_LIMIT_MS = 90_000;
/** How often a state that nothing announces is looked at. */
const POLL_MS = 200;

/** Something that goes wrong, and is put right again. */
export interface Fault {
  /** In a table: what is wrong. */
  readonly name: string;
  /** How long it lasts. */
  readonly holdMs: number;
  readonly disk?: 'ext4';
  readonly hasClock?: boolean;
  readonly times?: Times;
  /** Of our server. Default: none, it serves connections itself. */
  readonly workers?: number;
  /** Clients that ask while it lasts. Default: one. */
  readonly clients?: number;
  /** Whether our clients must get their passwords while it lasts. It lasts until they have, or for too long. */
  readonly isServed?: boolean;
  /** Programs that it can happen to. Default: both. */
  readonly programs?: readonly Program[];
  readonly apply: (site: Site) => Promise<void>;
  readonly undo: (site: Site) => Promise<void>;
  /** While it lasts, at the end of that. */
  readonly during?: (site: Site, report: Report) => Promise<void>;
  /** When it is over, before anything else is looked at. */
  readonly after?: (site: Site, report: Report) => Promise<void>;
  /** When the server has been started again at the very end. */
  readonly restarted?: (site: Site) => Promise<void>;
}

/** What became of a fault. Times are measured on a machine that does much else: they say how it went, no more. */
export interface Report {
  readonly fault: string;
  readonly program: Program;
  /** What must not be. */
  readonly problems: string[];
  readonly notes: string[];
  /** The server's, when there is a problem. */
  log?: string;
  /** Clients that asked while it lasted. */
  clients: number;
  /** Seconds from the beginning of the fault until they had their password, of those that got it before its end. */
  readonly duringSeconds: number[];
  /** What became of an operator's decision that was made meanwhile. */
  decision?: string;
  /** Seconds from the end of the fault until the others, that went on asking, had all theirs. */
  waitingSeconds?: number;
  /** Until one that asked anew had it. */
  unlockSeconds?: number;
  /** Until checks went on. */
  checkSeconds?: number;
}

/** Of a fault that nothing is known of yet. */
export function emptyReport(program: Program, { name, clients = 1 }: Fault): Report {
  return { fault: name, program, problems: [], notes: [], clients, duringSeconds: [] };
}

/** @throws Error when the client does not get its password in time, or another one */
export async function assertUnlock(client: Child): Promise<void> {
  const { code } = await client.waitForExit(RECOVERY_LIMIT_MS).finally(() => client.kill());
  if (code !== 0 || client.stdout !== PASSWORD) throw new Error(`status ${code}: ${client.tail()}`);
}

/** @throws Error that names `what` when there is nothing true in time */
export async function withinLimit<T>(
  look: () => Promise<T | undefined>,
  limitMs: number,
  what: string,
): Promise<NonNullable<T>> {
  for (const endMs = performance.now() + limitMs; performance.now() < endMs; await sleep(POLL_MS)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${limitMs / 1000} s`);
}
