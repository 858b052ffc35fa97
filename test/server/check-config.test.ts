import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig } from '../../server/check-config.js';
import { memoryFiles } from './config/memory-files.js';

const VALUES = new Map([['configdir', ['/x']]]);
const CLIENT = `[web1]\nkey_id = ${'ab'.repeat(32)}\nsecret = hQECAw==\nhost = h\n`;

test('a valid configuration is said to be so, with the number of its clients', () => {
  const twoClients = CLIENT + CLIENT.replace('web1', 'web2').replaceAll('ab', 'cd');
  assert.deepEqual(checkConfig(VALUES, memoryFiles({ '/x/clients.conf': twoClients })), {
    text: 'configuration is valid: 2 clients\n',
    exitStatus: 0,
  });
});

test('warnings are printed and leave the configuration valid', () => {
  assert.deepEqual(checkConfig(VALUES, memoryFiles({ '/x/clients.conf': `${CLIENT}hots = h\n` })), {
    text: `warning: /x/clients.conf:5: [web1] hots: is not an option of a client (did you mean host?)
configuration is valid: 1 client, 1 warning
`,
    exitStatus: 0,
  });
  assert.deepEqual(checkConfig(VALUES, memoryFiles({ '/x/clients.conf': '' })), {
    text: 'warning: /x/clients.conf: has no clients\nconfiguration is valid: 0 clients, 1 warning\n',
    exitStatus: 0,
  });
});

test('a wrong value on the command line is another exit status than one of a file, or a directory that is away', () => {
  const files = memoryFiles({ '/x/mandos.conf': '[DEFAULT]\nport = many\n', '/x/clients.conf': CLIENT });
  const check = (option: string, value: string) =>
    checkConfig(new Map([...VALUES, [option, [value]]]), files);
  assert.deepEqual(check('debuglevel', 'loud').exitStatus, 2);
  assert.match(
    check('debuglevel', 'loud').text,
    /^error: command line: --debuglevel: "loud" is not a log level/m,
  );
  assert.deepEqual(check('debuglevel', 'info').exitStatus, 1);
  assert.deepEqual(check('configdir', '/away').exitStatus, 1);
});

test('the errors of both files are printed and counted', () => {
  const files = memoryFiles({
    '/x/mandos.conf': '[DEFAULT]\nport = many\n',
    '/x/clients.conf': `${CLIENT}timeout = long\nenabled = maybe\nhots = h\n`,
  });
  assert.deepEqual(checkConfig(VALUES, files), {
    text: `error: /x/mandos.conf:2: [DEFAULT] port: "many" is not a port number (allowed: 0 to 65535; 0 for one that the system chooses)
error: /x/clients.conf:5: [web1] timeout: "long" is not an RFC 3339 duration (try PT5M)
error: /x/clients.conf:6: [web1] enabled: "maybe" is neither true nor false (allowed: 1, yes, true, on, 0, no, false, off)
warning: /x/clients.conf:7: [web1] hots: is not an option of a client (did you mean host?)
3 errors, 1 warning
`,
    exitStatus: 1,
  });
});
