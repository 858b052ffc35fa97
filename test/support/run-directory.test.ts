import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_WAIT_MS } from './child.js';
import { requires } from './requires.js';

const SOURCES = join(import.meta.dirname, '../../..');

test(
  'what a run of tests has left is removed with it, and its exit status is kept',
  requires('netns'),
  () => {
    const script = `
set -euo pipefail
. test/support/run-directory.sh
make_run_directory probe
echo "$run_directory"
ip netns add "$run-left"
mkfifo "$run_directory/ready" "$run_directory/never"
MANDOS_TEST_RUN=$run setsid sh -c 'echo >"$1"; read -r _ <"$2"' sh "$run_directory/ready" "$run_directory/never" &
echo $!
read -r _ <"$run_directory/ready"
exit 3`;
    // It returns when the pipe is closed, which the process that is left has open too.
    const { status, stdout, error } = spawnSync('bash', ['-c', script], {
      cwd: SOURCES,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: DEFAULT_WAIT_MS,
    });
    const [directory = '', pid] = stdout.split('\n');
    if (error) process.kill(Number(pid), 'SIGKILL');
    assert.deepEqual([status, error], [3, undefined]);
    assert.match(directory, /\/mandos-probe\.\w+$/);
    assert.ok(!existsSync(directory));
    const namespaces = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    assert.ok(!namespaces.includes(`${directory.split('/').at(-1)}-left`));
  },
);
