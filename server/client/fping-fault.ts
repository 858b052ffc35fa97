/** Why fping has asked nobody, and what to do about it. */
export interface FpingFault {
  readonly cause: string;
  readonly cure: string;
}

/**
 * What is wrong when an fping ends with a status that says nothing of the machine (fping(8), DIAGNOSTICS).
 * @param command as the shell is given it
 * @returns undefined for other statuses, and other checkers
 */
export function fpingFault(command: string, status: number): FpingFault | undefined {
  return FPING.test(command) ? FAULTS.get(status) : undefined;
}

/** With or without a path; of a longer script it may be another program that has ended so. */
const FPING = /^\s*(?:\/\S*\/)?fping\s[^;&|\n]*$/;

const FAULTS: ReadonlyMap<number, FpingFault> = new Map([
  [2, { cause: 'its host name is not found', cure: 'correct its "host", or the DNS' }],
  [3, { cause: 'fping does not know these arguments', cure: 'correct its "checker"' }],
  [4, { cause: 'fping cannot send', cure: 'let it: "setcap cap_net_raw+ep /usr/bin/fping"' }],
]);
