import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeError, MandosError } from '../../common/errors.js';

test("errors of the system are said in its words, without Node's additions", async () => {
  assert.throws(
    () => readFileSync(join(tmpdir(), randomUUID())),
    error => describeError(error) === 'no such file or directory',
  );
  const [error] = (await once(connect(1, '::1'), 'error')) as [unknown];
  assert.equal(describeError(error), 'connection refused');
});

test('other errors are their message, and what is no error its text', () => {
  assert.equal(describeError(new MandosError('X', 'the message')), 'the message');
  assert.equal(describeError(new TypeError()), 'TypeError');
  assert.equal(describeError('text'), 'text');
});
