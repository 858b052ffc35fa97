/** How serious a finding is: with a FAIL the machine will not unlock itself, or its keys are open to others. */
export type Level = 'ok' | 'warning' | 'FAIL';

/** What a check has found, for a person and for a program. */
export interface Finding {
  /** What was looked at: stable, one word or two. */
  readonly check: string;
  readonly level: Level;
  /** One line, with what to do when there is something. */
  readonly message: string;
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message });
export const warning = (check: string, message: string): Finding => ({ check, level: 'warning', message });
export const fail = (check: string, message: string): Finding => ({ check, level: 'FAIL', message });
