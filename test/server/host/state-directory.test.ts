import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMapped } from '../../../server/host/service-user.js';
import { prepareStateDirectory } from '../../../server/host/state-directory.js';
import { scratchDirectory } from '../../support/loopback.js';
import { requires } from '../../support/requires.js';

const USER = { name: '_mandos', uid: 104, gid: 107 };

test(
  'a state directory that is missing is made for the user that the server runs as',
  requires('root'),
  t => {
    const path = join(scratchDirectory(t), 'mandos');
    prepareStateDirectory(path, () => USER);
    const { uid, gid, mode } = statSync(path);
    assert.deepEqual([uid, gid, mode & 0o777], [USER.uid, USER.gid, 0o700]);
  },
);

test('a state directory that exists stays as it is', requires('root'), t => {
  const path = scratchDirectory(t);
  const before = statSync(path);
  prepareStateDirectory(path, () => USER);
  assert.deepEqual([statSync(path).uid, statSync(path).mode], [before.uid, before.mode]);
});

test('a state directory that cannot be made is an error that names it', t => {
  const path = join(scratchDirectory(t), 'mistyped/mandos');
  assert.throws(() => prepareStateDirectory(path), {
    code: 'STATE',
    message: `the state directory ${path} cannot be made: no such file or directory`,
  });
});

test('root of a user namespace without other users can become none of them', () => {
  assert.equal(isMapped(USER, '         0          0 4294967295\n'), true);
  assert.equal(isMapped(USER, '         0       1000          1\n'), false);
  assert.equal(isMapped(USER, '         0       1000          1\n         1     100000      65536\n'), true);
  assert.equal(isMapped(USER), isMapped(USER, readFileSync('/proc/self/uid_map', 'utf8')));
});
