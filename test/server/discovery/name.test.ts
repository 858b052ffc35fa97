import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternativeName, hostLabel, instanceLabel } from '../../../server/discovery/name.js';

test('names that are taken are numbered as Avahi does', () => {
  assert.equal(alternativeName('Mandos'), 'Mandos #2');
  assert.equal(alternativeName('Mandos #2'), 'Mandos #3');
  assert.equal(alternativeName('Mandos #9'), 'Mandos #10');
  assert.equal(alternativeName('Room #4 server'), 'Room #4 server #2');
  assert.equal(alternativeName('Mandos#2'), 'Mandos#2 #2');
});

test('a numbered name stays a label, in whole characters', () => {
  for (const name of ['x'.repeat(63), 'ä'.repeat(31), '😀'.repeat(15)]) {
    for (let i = 0, next = name; i < 200; i++) {
      next = alternativeName(next);
      assert.ok(Buffer.byteLength(next) <= 63, next);
      assert.ok(next.endsWith(` #${i + 2}`) && !next.includes('\ufffd'), next);
    }
  }
});

test("an instance's name has neither dots nor more than a label's bytes", () => {
  assert.equal(instanceLabel('Mandos at example.org'), 'Mandos at example-org');
  assert.equal(instanceLabel(`${'x'.repeat(62)}ä`), 'x'.repeat(62));
});

test('the host name is a label of letters, digits and dashes that no other process has', () => {
  assert.equal(hostLabel('server', '0a1b2c3d'), 'server-mandos-0a1b2c3d');
  assert.equal(hostLabel('server.example.org', '0a1b2c3d'), 'server-mandos-0a1b2c3d');
  assert.equal(hostLabel('my_host', '0a1b2c3d'), 'my-host-mandos-0a1b2c3d');
  assert.equal(hostLabel('', '0a1b2c3d'), 'host-mandos-0a1b2c3d');
  assert.equal(hostLabel('x'.repeat(64), '0a1b2c3d').length, 63);
});
