import { counted } from '../../common/counted.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { ClientEvent } from '../client/events.js';
import type { FileOwner } from './audit-file.js';
import { AuditFile } from './audit-file.js';
import type { AuditRecord } from './audit-record.js';
import { auditRecord, lostRecord } from './audit-record.js';

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
 * @throws MandosError AUDIT_LOG when it cannot be opened
 */
export function openAuditLog(path: string, log: Log, nowMs: () => number, owner?: FileOwner): AuditLog {
  return new FileAuditLog(path, log, nowMs, owner);
}

class FileAuditLog implements AuditLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #owner: FileOwner | undefined;
  #file: AuditFile;
  #isFailing = false;
  /** Records that could not be written, and of which the file does not say so yet. */
  #lost = 0;
  #lostSinceMs = 0;
  #isClosed = false;

  constructor(path: string, log: Log, nowMs: () => number, owner: FileOwner | undefined) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#owner = owner;
    this.#file = new AuditFile(path, owner);
  }

  record(event: ClientEvent): void {
    if (this.#isClosed) return;
    const nowMs = this.#nowMs();
    const record = auditRecord(event, nowMs);
    if (record === undefined) return;
    if (this.#writeLost(nowMs) && this.#write(record)) this.#succeeded();
    else this.#lose(nowMs);
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
    if (!this.#writeLost(this.#nowMs())) {
      this.#log.error(`${this.#file.path}: ${counted(this.#lost, 'audit record')} lost`);
    }
    this.#file.close();
  }

  /** @returns whether the file says all that is lost */
  #writeLost(nowMs: number): boolean {
    if (this.#lost === 0) return true;
    const isWritten = this.#write(lostRecord(this.#lost, this.#lostSinceMs, nowMs));
    if (isWritten) this.#lost = 0;
    return isWritten;
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

  #lose(nowMs: number): void {
    if (this.#lost === 0) this.#lostSinceMs = nowMs;
    this.#lost++;
  }

  #succeeded(): void {
    if (this.#isFailing) this.#log.warning(`${this.#file.path}: can be written again`);
    this.#isFailing = false;
  }
}
