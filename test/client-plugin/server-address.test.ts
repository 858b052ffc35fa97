import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../client-plugin/server-address.js';

const good: readonly [string, string, number, boolean][] = [
  ['192.0.2.3:4711', '192.0.2.3', 4711, false],
  ['fe80::1:4711', 'fe80::1', 4711, true],
  ['fe80::aede:48ff:fe71:f6f2:4711', 'fe80::aede:48ff:fe71:f6f2', 4711, true],
  ['fe80::1%eth0:4711', 'fe80::1%eth0', 4711, false],
  ['[fe80::1%eth0.7]:1', 'fe80::1%eth0.7', 1, false],
  ['[2001:db8::1]:65535', '2001:db8::1', 65_535, false],
  ['::1:4711', '::1', 4711, false],
];

for (const [text, host, port, needsScope] of good) {
  test(`${text} is address ${host} and port ${port}`, () => {
    assert.deepEqual(parseAddress(text), { text, host, port, needsScope });
  });
}

const bad: readonly [string, RegExp][] = [
  ['192.0.2.3', /has no port/],
  ['192.0.2.3:', /port/],
  ['192.0.2.3:0', /port, 1 to 65535/],
  ['192.0.2.3:65536', /port, 1 to 65535/],
  ['192.0.2.3:x', /port, 1 to 65535/],
  ['192.0.2.3:-1', /port, 1 to 65535/],
  [':4711', /numeric IP address/],
  ['localhost:4711', /numeric IP address/],
  ['[192.0.2.3]:4711', /numeric IP address/],
  ['[::1:4711', /numeric IP address/],
  ['192.0.2.256:4711', /numeric IP address/],
];

for (const [text, message] of bad) {
  test(`"${text}" is refused with a reason`, () => {
    assert.throws(() => parseAddress(text), { code: 'USAGE', message });
  });
}
