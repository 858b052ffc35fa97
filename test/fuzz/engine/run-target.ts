import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildReport, ChildRequest } from '../child.js';
import { readCurrentInput } from './current-input.js';
import type { Finding } from './findings.js';
import { keepFinding } from './findings.js';

const CHILD = fileURLToPath(new URL('../child.js', import.meta.url));
/** How often the child is looked at. */
const LOOK_MS = 500;
/** Processor time of one input: far above what the worst takes. */
const CPU_LIMIT_S = 60;
/** An input may wait for something, but not for ever. */
const STANDSTILL_LIMIT_S = 300;
/** Of a clock tick of proc(5): USER_HZ. */
const TICKS_PER_SECOND = 100;

export type RunRequest = Omit<ChildRequest, 'currentFile'>;

/** Runs one target in a child process, and says what it found, and what it died of. */
export async function runTarget(request: RunRequest): Promise<ChildReport> {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-'));
  const currentFile = join(directory, 'current');
  try {
    return await runChild({ ...request, currentFile });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runChild(request: ChildRequest): Promise<ChildReport> {
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=768', '--enable-source-maps', CHILD, JSON.stringify(request)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A core dump goes with the directory, and so does what the target leaves when it is killed.
      cwd: dirname(request.currentFile),
      // Coverage of the tests themselves must not count the child's.
      env: { ...process.env, NODE_V8_COVERAGE: '', TMPDIR: dirname(request.currentFile) },
    },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-1_000_000)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-10_000)));
  let stuck: string | undefined;
  const watch = new Watch(request.currentFile);
  const timer = setInterval(() => {
    stuck ??= watch.look(child.pid ?? 0);
    if (stuck !== undefined) child.kill('SIGKILL');
  }, LOOK_MS);
  const ended = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
  });
  clearInterval(timer);
  const report = lastReport(output);
  if (report) return report;
  const { input, count } = readCurrentInput(request.currentFile) ?? { input: Buffer.alloc(0), count: 0 };
  const what = `${stuck ?? `ended with ${ended}`}\n${errors}`;
  const finding: Finding = keepFinding(request.findings, request.target, what, input);
  return { executions: count, blocks: 0, corpus: 0, findings: [finding] };
}

function lastReport(output: string): ChildReport | undefined {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  return line.startsWith('{"executions"') ? (JSON.parse(line) as ChildReport) : undefined;
}

/** Sees when an input takes too much. */
class Watch {
  readonly #file: string;
  #count = 0;
  #since = { cpuS: 0, ms: performance.now() };

  constructor(file: string) {
    this.#file = file;
  }

  /** @returns what is wrong, if something is */
  look(pid: number): string | undefined {
    let cpuS;
    let count;
    try {
      cpuS = processorSeconds(pid);
      count = readCurrentInput(this.#file)?.count;
    } catch {
      return undefined; // it begins, or has ended
    }
    if (count === undefined || count !== this.#count) {
      this.#count = count ?? 0;
      this.#since = { cpuS, ms: performance.now() };
    } else if (cpuS - this.#since.cpuS > CPU_LIMIT_S) {
      return `one input took ${CPU_LIMIT_S} s of processor time`;
    } else if (performance.now() - this.#since.ms > 1000 * STANDSTILL_LIMIT_S) {
      return `one input did not end within ${STANDSTILL_LIMIT_S} s`;
    }
    return undefined;
  }
}

/** User and system time of a process: proc(5), /proc/PID/stat. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
