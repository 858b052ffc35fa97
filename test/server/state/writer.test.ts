import assert from 'node:assert/strict';
import { chownSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { openStateStore } from '../../../server/state/store.js';
import { requires } from '../../support/requires.js';
import { endIfThere, startStateChild, tell, temporaryDirectory, writerOf } from './scratch.js';

test('that the disk does not answer is said once, and that it answers again', async t => {
  const child = startStateChild(t, temporaryDirectory(t));
  await tell(child, 'write 1 a', /stored a/);
  const writer = writerOf(child);
  process.kill(writer, 'SIGSTOP');
  t.after(() => endIfThere(writer));
  const said = /critical: .*clients\.mdb: the disk has not answered for 5 s; decisions wait until it does\n/;
  await tell(child, 'write 1 b', said);
  process.kill(writer, 'SIGCONT');
  await child.waitForOutput(/warning: .*clients\.mdb: the disk answers again\nstored b/);
});

test('a server that starts while the last one’s writing hangs says so', async t => {
  const directory = temporaryDirectory(t);
  const child = startStateChild(t, directory);
  await tell(child, 'write 1 a', /stored a/);
  const writer = writerOf(child);
  process.kill(writer, 'SIGSTOP');
  t.after(() => endIfThere(writer));
  child.signal('SIGKILL');
  await child.exited;
  const message = `${directory}: the last write of the mandos with process ID ${child.pid}, which has ended, is still under way; start again when the disk answers`;
  await assert.rejects(openStateStore(directory), { code: 'STATE', message });
  process.kill(writer, 'SIGCONT');
  await (await openStateStore(directory)).close();
});

test(
  'other processes of the same user cannot look into the one that writes, nor at what it makes',
  requires('root', 'setpriv'),
  async t => {
    const directory = temporaryDirectory(t);
    chownSync(directory, 65534, 65534);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = startStateChild(t, directory, nobody);
    await tell(child, 'write 1 a', /stored a/);
    const writer = `/proc/${writerOf(child)}`;
    // PR_SET_DUMPABLE of prctl(2): its files in /proc are root's.
    assert.equal(statSync(`${writer}/environ`).uid, 0);
    assert.match(readFileSync(`${writer}/status`, 'utf8'), /^Umask:\t0077$/m);
  },
);
