import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../common/log.js';
import { NameLog } from '../../../server/discovery/name-log.js';

test('who claims a name again and again does not fill the log: twenty lines, and then one a minute', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => void lines.push(`${level}: ${line}`) }, 'info');
  const names = new NameLog(log, () => nowMs);
  const minutes = 10;
  for (; nowMs < minutes * 60_000; nowMs += 300) names.warning('taken');
  assert.ok(lines.length >= 20 + minutes - 1 && lines.length <= 20 + minutes, `${lines.length} lines`);
  assert.equal(lines[19], 'warning: taken');
  assert.match(lines.at(-1) ?? '', /^warning: taken \(and (199|200) lines like this before\)$/);
});
