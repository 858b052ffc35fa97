import { counted } from '../../common/counted.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import { TokenBucket } from '../../common/token-bucket.js';
import type { ClientEvent } from '../client/events.js';
import type { FileOwner } from './audit-file.js';
import { AuditFile } from './audit-file.js';
import type { AuditRecord } from './audit-record.js';
import { auditRecord, gapRecord } from './audit-record.js';

/** Records of unknown keys that are written at once: a rack of machines that are not in clients.conf yet. */
const UNKNOWN_KEYS_AT_ONCE = 100;
/** And then: anybody on the network can make them, and the disk is not his to fill. Some 40 MB a day. */
const UNKNOWN_KEYS_PER_SECOND = 1;

/** Where every verdict is written down (docs/audit-log.md). None of its methods throws. */
export interface AuditLog {
  /** Writes what is a verdict, before it returns. */
  record(event: ClientEvent): void;
  /**
   * Goes on in a new file, after the old one was renamed, or in another one.
   * @param path default: where it is now
   */
  reopen(path?: string): void;
  /** Last of all: what comes after it is not written. */
  close(): void;
}

/**
 * Opens the audit log. Each record is one synchronous write(2) to the page cache: with some microseconds it costs no
 * more than to put it into a stream's queue would, and it is with the kernel when the verdict goes out, so that neither
 * a crash of the server loses it nor a queue has to be bounded. Power that fails may lose the last seconds.
 * @param nowMs milliseconds since the Unix epoch
 * @param owner of a file that is made: who the server is to run as
 * @param monotonicMs of a clock that never goes back, milliseconds
 * @throws MandosError AUDIT_LOG when it cannot be opened
 */
export function openAuditLog(
  path: string,
  log: Log,
  nowMs: () => number,
  owner?: FileOwner,
  monotonicMs: () => number = () => performance.now(),
): AuditLog {
  return new FileAuditLog(path, log, nowMs, owner, monotonicMs);
}

/** Records that are missing, and of which the file does not say so yet. */
interface Gap {
  readonly event: 'lost' | 'omitted';
  count: number;
  sinceMs: number;
}

class FileAuditLog implements AuditLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #owner: FileOwner | undefined;
  #file: AuditFile;
  #isFailing = false;
  readonly #lost: Gap = { event: 'lost', count: 0, sinceMs: 0 };
  readonly #omitted: Gap = { event: 'omitted', count: 0, sinceMs: 0 };
  readonly #monotonicMs: () => number;
  readonly #unknownKeys: TokenBucket;
  #isClosed = false;

  constructor(
    path: string,
    log: Log,
    nowMs: () => number,
    owner: FileOwner | undefined,
    monotonicMs: () => number,
  ) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#owner = owner;
    this.#monotonicMs = monotonicMs;
    this.#unknownKeys = new TokenBucket(UNKNOWN_KEYS_PER_SECOND, UNKNOWN_KEYS_AT_ONCE, monotonicMs());
    this.#file = new AuditFile(path, owner);
  }

  record(event: ClientEvent): void {
    if (this.#isClosed) return;
    const nowMs = this.#nowMs();
    const record = auditRecord(event, nowMs);
    if (record === undefined) return;
    const isUnknown = event.kind === 'refused' && event.refusal.code === 'unknown';
    if (isUnknown && !this.#unknownKeys.take(this.#monotonicMs())) miss(this.#omitted, nowMs);
    else if (this.#writeGaps(nowMs) && this.#write(record)) this.#succeeded();
    else miss(this.#lost, nowMs);
  }

  reopen(path = this.#file.path): void {
    if (this.#isClosed || (path === this.#file.path && this.#file.isAt(path))) return;
    try {
      const file = new AuditFile(path, this.#owner);
      this.#file.close();
      this.#file = file;
    } catch (error) {
      this.#log.error(`${describeError(error)}; going on in the file that was ${this.#file.path}`);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#writeGaps(this.#nowMs())) {
      const count = this.#lost.count + this.#omitted.count;
      this.#log.error(`${this.#file.path}: ${counted(count, 'audit record')} lost`);
    }
    this.#file.close();
  }

  /** @returns whether the file says all that is missing */
  #writeGaps(nowMs: number): boolean {
    for (const gap of [this.#lost, this.#omitted]) {
      if (gap.count === 0) continue;
      if (!this.#write(gapRecord(gap.event, gap.count, gap.sinceMs, nowMs))) return false;
      gap.count = 0;
    }
    return true;
  }

  #write(record: AuditRecord): boolean {
    try {
      this.#file.append(JSON.stringify(record));
      return true;
    } catch (error) {
      if (!this.#isFailing) {
        const why = describeError(error);
        this.#log.error(`${this.#file.path}: cannot be written: ${why}; serving on, audit records are lost`);
      }
      this.#isFailing = true;
      return false;
    }
  }

  #succeeded(): void {
    if (this.#isFailing) this.#log.warning(`${this.#file.path}: can be written again`);
    this.#isFailing = false;
  }
}

function miss(gap: Gap, nowMs: number): void {
  if (gap.count === 0) gap.sinceMs = nowMs;
  gap.count++;
}
