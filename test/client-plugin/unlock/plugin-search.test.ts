import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { pluginSearch } from '../../../client-plugin/unlock/plugin-search.js';
import { keptLog, makePlugins, optionsWith } from '../plugin-runner/scene.js';

test('a plugin that ends without a password does not beat one that has it', async t => {
  const directory = makePlugins(t, { a: 'exit 0', z: 'sleep 1; printf password' });
  const { log, lines } = keptLog();
  const search = pluginSearch(optionsWith(directory), processPrivileges());
  const password = await search(log, new AbortController().signal);
  assert.equal(Buffer.from(password).toString(), 'password');
  assert.ok(lines.includes('error: a: ended without a fault, but printed no password'));
});
