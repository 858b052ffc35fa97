import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Question } from './unlock-plan.js';

/** Where Debian's cryptsetup-initramfs has it. */
export const ASKPASS = '/lib/cryptsetup/askpass';

/** A running askpass of root. */
export interface Askpass {
  readonly pid: number;
  /** What it has written to the console, without knowing of anybody else there. */
  readonly prompt: string;
  /** What may be answered; undefined when it asks for something else than a volume's password. */
  readonly question: Question | undefined;
}

export interface AskpassOptions {
  /** The program's file. */
  readonly askpass: string;
  /** Where procfs is. */
  readonly proc: string;
}

/**
 * Finds the programs that ask on the console. Needs root: the environment of another's process is private.
 * @param skip processes without a file, as the kernel's are: looked at once only; kept up to date here
 */
export function listAskpass({ askpass, proc }: AskpassOptions, skip: Set<string>): Askpass[] {
  const program = identity(askpass);
  if (program === undefined) return [];
  const names = readdirSync(proc).filter(name => /^[0-9]+$/.test(name));
  const present = new Set(names);
  for (const name of skip) if (!present.has(name)) skip.delete(name);
  return names
    .filter(name => !skip.has(name))
    .flatMap(name => {
      const directory = join(proc, name);
      const running = identity(join(directory, 'exe'));
      if (running === undefined) skip.add(name);
      return running === program ? (readAskpass(directory, Number(name)) ?? []) : [];
    });
}

/** A file's identity, whatever name it is called by; undefined when there is none. */
function identity(file: string): string | undefined {
  try {
    const { dev, ino } = statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** askpass has one argument, the prompt; run_keyscript exports the rest (/lib/cryptsetup/functions). */
function readAskpass(directory: string, pid: number): Askpass | undefined {
  try {
    if (statSync(directory).uid !== 0) return undefined;
    const prompt = strings(readFileSync(join(directory, 'cmdline')))[1] ?? '';
    const volume = strings(readFileSync(join(directory, 'environ')))
      .find(variable => variable.startsWith('CRYPTTAB_NAME='))
      ?.slice('CRYPTTAB_NAME='.length);
    const isAnswerable = volume !== undefined && volume !== '' && !asksForPin(prompt);
    const id = `${pid}:${startTime(directory)}`;
    return { pid, prompt, question: isAnswerable ? { id, volume, prompt } : undefined };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function strings(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0');
}

/** Of proc_pid_stat(5): field 22, counted behind the name, which may have blanks and parentheses. */
function startTime(directory: string): string {
  const stat = readFileSync(join(directory, 'stat'), 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/**
 * Whether a prompt wants a PIN, as keyscripts for smart cards and security tokens do: a wrong one counts, and after
 * few of them the card is blocked.
 */
export function asksForPin(prompt: string): boolean {
  return /\bPIN\b/i.test(prompt);
}
