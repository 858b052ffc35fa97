import { appendFileSync } from 'node:fs';

/** A moment of a boot: seconds since the machine was switched on, and what QEMU has used of the processor by then. */
export interface Moment {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** How long a boot took to get where. */
export interface BootResult {
  readonly kind: 'boot';
  readonly row: string;
  readonly prompt: Moment | undefined;
  readonly unlocked: Moment | undefined;
  readonly root: Moment | undefined;
}

/** How large an image is. */
export interface SizeResult {
  readonly kind: 'size';
  readonly row: string;
  readonly bytes: number;
}

/** A line below the tables. */
export interface NoteResult {
  readonly kind: 'note';
  readonly text: string;
}

export type Result = BootResult | SizeResult | NoteResult;

/** Keeps a result for the tables that test/boot/run.sh prints at the end; does nothing without it. */
export function record(result: Result): void {
  const file = process.env['MANDOS_BOOT_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`);
}
