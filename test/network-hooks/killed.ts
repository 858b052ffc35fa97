import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../support/namespace.js';
import type { HookDirectory } from './scene.js';
import { assertState, filesIn, processes, state, STATE } from './scene.js';

/** More calls than any hook makes: one that does not come to its end fails the test. */
const MAX_CALLS = 100;

/**
 * Shell lines for a hook's .conf by which its programs are counted, and the hook is killed when the one with the number
 * in KILL_AT is called. What it has called then, it calls:
 * - never, with KILL_HOW=before;
 * - when the hook is dead already, with KILL_HOW=late: as a program that a kill leaves behind.
 */
export function countedPrograms(hooks: HookDirectory, programs: readonly string[]): string {
  const bin = join(hooks.path, '..', 'counted');
  mkdirSync(bin, { recursive: true });
  for (const program of programs) {
    const path = join(bin, program);
    writeFileSync(
      path,
      `#!/bin/sh
PATH=\${PATH#*:}
if [ "$5" = status ]; then exec ${program} "$@"; fi # wpa_cli is asked again and again
read -r count <"$KILL_COUNT"
count=$((count + 1))
echo $count >"$KILL_COUNT"
if [ "$count" = "$KILL_AT" ]; then
  kill -KILL "$KILL_PID"
  if [ "$KILL_HOW" = before ]; then exit 1; fi
  sleep 0.1
fi
exec ${program} "$@"
`,
    );
    chmodSync(path, 0o755);
  }
  return `if [ -n "\${KILL_AT-}" ]; then PATH=${bin}:$PATH; export PATH KILL_PID=$$; fi\n`;
}

/**
 * Kills the hook's start at each program that it calls, once before the call and once with the call outliving it, and
 * checks that stop leaves the host as it was before. The hook's .conf has to begin with `countedPrograms`.
 */
export async function assertSurvivesKills(
  hooks: HookDirectory,
  name: string,
  hows: readonly ('before' | 'late')[] = ['before', 'late'],
): Promise<void> {
  const { host } = hooks;
  const before = await state(host);
  const processesBefore = processes(host);
  const count = join(hooks.path, '..', 'count');
  for (const how of hows) {
    for (let at = 1; ; at++) {
      assert.ok(at < MAX_CALLS, `${name} comes to its end`);
      const what = `${name} killed at call ${at} (${how})`;
      writeFileSync(count, '0\n');
      const start = hooks.spawn(name, 'start', { KILL_AT: `${at}`, KILL_HOW: how, KILL_COUNT: count });
      const { signal, code } = await start.waitForExit();
      const ended = Number(readFileSync(count, 'utf8')) < at;
      if (ended) assert.deepEqual({ code, stderr: start.stderr }, { code: 0, stderr: '' }, what);
      else assert.ok(signal === 'SIGKILL' || code === 137, `${what}: ${code} ${signal}`);
      await hooks.succeed(name, 'stop');
      await assertState(host, before, what);
      assert.deepEqual(processes(host), processesBefore, what);
      if (ended) break;
    }
  }
}

/** Kills the hook's start, alone, at some moments of its life, and checks that stop leaves the host as it was before. */
export async function assertSurvivesKillsAfter(
  hooks: HookDirectory,
  name: string,
  moments: readonly ((host: Host) => Promise<void>)[],
): Promise<void> {
  const { host } = hooks;
  const before = await state(host);
  const processesBefore = processes(host);
  for (const [i, moment] of moments.entries()) {
    const start = hooks.spawn(name, 'start');
    await Promise.race([moment(host), start.exited]);
    start.signal('SIGKILL');
    await start.exited;
    await hooks.succeed(name, 'stop');
    await assertState(host, before, `${name} killed at moment ${i}`);
    assert.deepEqual(processes(host), processesBefore);
  }
}

/** Whether the hook has begun to change something. */
export function hasBegun(host: Host): boolean {
  return filesIn(host.runDirectory).some(file => file.startsWith(`${STATE}/`));
}
