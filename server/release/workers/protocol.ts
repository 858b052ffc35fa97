import type { LogLevel } from '../../../common/log.js';
import type { AdmissionCounts, AdmissionLimits } from '../admission.js';
import type { ConnectionLimits } from '../connection.js';

/** Descriptors of a worker, given when it is started: its channel to the server, and the socket that it accepts from. */
export const CHANNEL_FD = 3;
export const LISTEN_FD = 4;

/** A worker's share of the limits. */
export type WorkerLimits = AdmissionLimits & ConnectionLimits;

/** What the server tells a worker. */
export type ToWorker =
  /** First of all, and when any of it has changed. */
  | { readonly kind: 'configure'; readonly limits: WorkerLimits; readonly logLevel: LogLevel }
  /** The secret in base64; it is sent before `untilMs` (on the clock of `monotonicMs`) or not at all. */
  | {
      readonly kind: 'release';
      readonly id: number;
      readonly name: string;
      readonly secret: string;
      readonly untilMs: number;
    }
  /** `name` of a client that is known. */
  | {
      readonly kind: 'refuse';
      readonly id: number;
      readonly name: string | undefined;
      readonly reason: string;
    }
  /** To accept no more. */
  | { readonly kind: 'close' }
  /** To end what is there. */
  | { readonly kind: 'end' };

/** What a worker tells the server. Requests have numbers of the worker's own. */
export type FromWorker =
  | { readonly kind: 'listening' }
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly keyId: string;
      readonly address: string;
      readonly port: number;
    }
  /** The secret was sent, or the request is over without that: last of what is told of it. */
  | { readonly kind: 'sent' | 'over'; readonly id: number }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly line: string }
  | { readonly kind: 'counts'; readonly counts: AdmissionCounts };

/** The same clock in all processes of a machine (CLOCK_MONOTONIC), in milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
