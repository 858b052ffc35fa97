import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fpingFault } from '../../../server/client/fping-fault.js';

test("fping's statuses that say nothing of the machine are told with cause and cure", () => {
  const command = 'fping -q -- web1';
  assert.equal(fpingFault(command, 0), undefined);
  assert.equal(fpingFault(command, 1), undefined);
  assert.equal(fpingFault(command, 2)?.cause, 'its host name is not found');
  assert.match(fpingFault('/usr/bin/fping -q -- web1', 4)?.cure ?? '', /setcap/);
});

test('the status of another program is not taken for one of fping', () => {
  for (const command of [
    'ssh web1 true',
    'fping -q -- web1 || exit 2',
    'fping web1; ssh web1',
    'xfping web1',
    '',
  ])
    assert.equal(fpingFault(command, 2), undefined, command);
});
