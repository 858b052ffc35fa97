import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { configDirectory, scratchDirectory, stateDirectory } from '../../support/loopback.js';
import { MANDOS } from '../../support/programs.js';
import { requires } from '../../support/requires.js';

/** A service manager that gives the server a socket at this descriptor, and nothing else. */
function manager(descriptor: number): string {
  return `import socket, os, sys
os.closerange(3, 256)
os.umask(0o077)
s = socket.socket(socket.AF_INET6); s.bind(("::1", 0)); s.listen()
os.dup2(s.fileno(), ${descriptor}, True)
os.execv(sys.argv[1], sys.argv[1:] + ["--socket=${descriptor}"])`;
}

/** Writes the shell's descriptors, what they lead to, its directory, umask and a variable; all of it or nothing. */
const CHECKER =
  '(cd /proc/$$/fd; echo *; readlink 0 1 2; readlink /proc/$$/cwd; umask; echo "$TEST_VARIABLE")';

test(
  'a checker of the server has three descriptors, all /dev/null, and the surroundings that the manual page promises',
  { ...requires('python3'), timeout: 120_000 },
  async t => {
    const seen = scratchDirectory(t);
    chmodSync(seen, 0o777); // the server may have become another user
    const file = join(seen, 'file');
    const clientsConf = `[a]\nkey_id = ${'ab'.repeat(32)}\nsecret = QQ==\ninterval = PT1S\nchecker = ${CHECKER} >${file}.new; mv ${file}.new ${file}\n`;
    const directory = configDirectory(t, { 'clients.conf': clientsConf });
    const args = ['--foreground', '--no-dbus', '--no-zeroconf', '--debuglevel=INFO'];
    const places = [`--configdir=${directory}`, `--statedir=${stateDirectory(t)}`];
    const command = [process.execPath, MANDOS, ...args, ...places];
    const env = { TEST_VARIABLE: 'as the server has it', DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent' };
    const child = new Child('python3', ['-c', manager(40), ...command], { env });
    t.after(() => child.stop());
    await child.waitForOutput(/listening on \[::1\]:\d+$/m);
    while (!existsSync(file)) {
      await new Promise(resolve => {
        setTimeout(resolve, 50);
      });
    }
    assert.deepEqual(readFileSync(file, 'utf8').split('\n'), [
      '0 1 2',
      '/dev/null',
      '/dev/null',
      '/dev/null',
      '/',
      '0022',
      'as the server has it',
      '',
    ]);
  },
);
