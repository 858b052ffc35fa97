import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { askHooks } from '../../../client-plugin/check/hook-needs.js';
import { scratchDirectory } from '../../support/loopback.js';
import { put } from './scene.js';

test('a network hook is asked as when the image is made', async t => {
  const directory = scratchDirectory(t);
  const script = `#!/bin/sh
[ "$1" = "$MODE" ] && [ "$MANDOSNETHOOKDIR" = ${directory} ] && [ "$VERBOSITY" = 0 ] || exit 1
read -r line && exit 2 # there is no input
case $1 in files) echo "  /bin/sh /bin/other "; echo;; modules) printf 'tun\\nbridge';; esac
`;
  put(directory, 'good', script, 0o755);
  const [needs] = await askHooks(directory, ['good']);
  assert.deepEqual(needs, {
    hook: 'good',
    files: ['/bin/sh /bin/other'],
    modules: ['tun', 'bridge'],
    fault: undefined,
  });
});

test('a network hook that fails, floods or hangs is said, and ended with what it started', async t => {
  const directory = scratchDirectory(t);
  const pid = join(directory, 'pid');
  put(directory, 'fails', '#!/bin/sh\nexit 4\n', 0o755);
  put(directory, 'crashes', '#!/bin/sh\nkill -SEGV $$\n', 0o755);
  put(directory, 'floods', '#!/bin/sh\nexec yes\n', 0o755);
  put(directory, 'script', '#!/nonexistent\n', 0o755);
  put(directory, 'hangs', `#!/bin/sh\nsleep 1000 &\necho $! >${pid}\nwait\n`, 0o755);
  const needs = [
    ...(await askHooks(directory, ['fails', 'crashes', 'floods', 'script', 'absent'])),
    ...(await askHooks(directory, ['hangs'], 2_000)),
  ];
  assert.deepEqual(
    needs.map(({ hook, fault }) => `${hook}: ${fault}`),
    [
      'fails: it ends with status 4 when asked for its files',
      'crashes: it ends with SIGSEGV when asked for its files',
      'floods: it says more than 65536 bytes when asked for its files',
      'script: no such file or directory',
      'absent: no such file or directory',
      'hangs: it takes longer than 2 s when asked for its files',
    ],
  );
  const state = () => {
    try {
      return /^State:\s+(\S)/m.exec(
        readFileSync(`/proc/${readFileSync(pid, 'utf8').trim()}/status`, 'utf8'),
      )?.[1];
    } catch {
      return undefined;
    }
  };
  // A killed process may be there until it is waited for.
  while (state() !== undefined && state() !== 'Z') await new Promise(resolve => setTimeout(resolve, 20));
});
