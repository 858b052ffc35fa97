import { spawn } from 'node:child_process';
import { describeError } from '../../common/errors.js';

/** What a network hook says that it needs (mandos-client(8mandos), NETWORK HOOKS). */
export interface HookNeeds {
  readonly hook: string;
  readonly files: readonly string[];
  readonly modules: readonly string[];
  /** Why it does not say. */
  readonly fault: string | undefined;
}

/** Milliseconds for a network hook to say what it needs; most are a few lines of shell. */
const HOOK_TIMEOUT_MS = 10_000;
/** Bytes of an answer: some hundred paths. */
const ANSWER_LIMIT_BYTES = 64 * 1024;

/** Asks network hooks, as the image's hook does when it is made. */
export function askHooks(
  directory: string,
  hooks: readonly string[],
  timeoutMs: number = HOOK_TIMEOUT_MS,
): Promise<HookNeeds[]> {
  const ask = (hook: string, mode: 'files' | 'modules') => askHook(directory, hook, mode, timeoutMs);
  return Promise.all(
    hooks.map(async hook => {
      try {
        const [files, modules] = [await ask(hook, 'files'), await ask(hook, 'modules')];
        return { hook, files, modules, fault: undefined };
      } catch (error) {
        return { hook, files: [], modules: [], fault: describeError(error) };
      }
    }),
  );
}

/** @returns its lines */
function askHook(
  directory: string,
  hook: string,
  mode: 'files' | 'modules',
  timeoutMs: number,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${directory}/${hook}`, [mode], {
      stdio: ['ignore', 'pipe', 'ignore'],
      // A group of its own, to end what it may have started as well.
      detached: true,
      env: { ...process.env, MANDOSNETHOOKDIR: directory, MODE: mode, VERBOSITY: '0' },
    });
    let answer = '';
    const end = (why: string) => {
      reject(new Error(`${why} when asked for its ${mode}`));
      child.stdout.destroy();
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => end(`it takes longer than ${timeoutMs / 1000} s`), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.length > ANSWER_LIMIT_BYTES) end(`it says more than ${ANSWER_LIMIT_BYTES} bytes`);
    });
    child.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(linesOf(answer));
      else reject(new Error(`it ends with ${signal ?? `status ${status}`} when asked for its ${mode}`));
    });
  });
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').map(line => line.trim());
  return lines.filter(line => line !== '');
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
