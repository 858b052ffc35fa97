import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseInterfaces,
  followInterfaces,
  isReady,
  parseInterfaceOption,
  POLL_MS,
} from '../../../client-plugin/network/interfaces.js';
import { createLog } from '../../../common/log.js';
import type { NetworkInterface } from '../../../common/network-interfaces.js';
import { ethernet, ipAddress } from '../../support/interfaces.js';
import { SimulatedClock } from '../simulation.js';

const log = createLog({ write: () => {} }, 'debug');

const IPV4 = ipAddress('192.0.2.1');

const interfaces = [
  ethernet('lo', { loopback: true, broadcast: false }),
  ethernet('eth0'),
  ethernet('eth1', { up: false, running: false, addresses: [] }),
  ethernet('ppp0', { pointToPoint: true, broadcast: false }),
  ethernet('dummy0', { arp: false }),
];

function chosen(option: string[], direct = false): string[] {
  return chooseInterfaces(interfaces, { ...parseInterfaceOption(option), direct }).map(({ name }) => name);
}

test('without --interface all are chosen that can broadcast and resolve addresses, whether they are up or not', () => {
  assert.deepEqual(chosen([]), ['eth0', 'eth1']);
});

test('with --connect point-to-point interfaces and those without broadcast are chosen too', () => {
  assert.deepEqual(chosen([], true), ['eth0', 'eth1', 'ppp0']);
});

test('--interface names them, in this order, of whatever kind; those that do not exist are left out', () => {
  assert.deepEqual(chosen(['eth1,lo', 'wlan0,eth0']), ['eth1', 'lo', 'eth0']);
});

test('what is behind "none" is not brought up, and "none" alone chooses as if no name were given', () => {
  assert.deepEqual(parseInterfaceOption(['eth0,none,eth1']), { names: ['eth0', 'eth1'], raise: ['eth0'] });
  assert.deepEqual(parseInterfaceOption(['eth0,,eth0']), { names: ['eth0'], raise: 'all' });
  assert.deepEqual(chosen(['none']), ['eth0', 'eth1']);
});

test('an interface is ready when it runs and has a link-local address that is not tentative, or IPv4', () => {
  assert.equal(isReady(ethernet('eth0')), true);
  assert.equal(isReady(ethernet('eth0', { running: false })), false);
  assert.equal(isReady(ethernet('eth0', { addresses: [ipAddress('fe80::1', true)] })), false);
  assert.equal(isReady(ethernet('eth0', { addresses: [ipAddress('2001:db8::1')] })), false);
  assert.equal(isReady(ethernet('eth0', { addresses: [IPV4] })), true);
});

test('interfaces are reported at once and at each change, until told to stop', async () => {
  const clock = new SimulatedClock();
  const stop = new AbortController();
  const reports: string[][] = [];
  let now: NetworkInterface[] = [];
  const choice = { ...parseInterfaceOption([]), direct: false };
  followInterfaces({ choice, list: () => now, clock, log, signal: stop.signal }, ready =>
    reports.push(ready.map(({ name }) => name)),
  );
  const after = async (next: NetworkInterface[]) => {
    now = next;
    await clock.pass(POLL_MS);
    return reports.length;
  };
  assert.deepEqual(reports, [[]]);
  assert.equal(await after([ethernet('eth0', { addresses: [ipAddress('fe80::1', true)] })]), 1);
  assert.equal(await after([ethernet('eth0')]), 2);
  assert.equal(await after([ethernet('eth0')]), 2);
  assert.equal(await after([ethernet('eth0', { index: 9 })]), 3);
  assert.equal(await after([]), 4);
  assert.deepEqual(reports, [[], ['eth0'], ['eth0'], []]);
  stop.abort();
  assert.equal(await after([ethernet('eth0')]), 4);
  assert.equal(clock.pending, 0);
});

test('a failure to list the interfaces is overcome', async () => {
  const clock = new SimulatedClock();
  const reports: number[] = [];
  let failing = true;
  followInterfaces(
    {
      choice: { ...parseInterfaceOption([]), direct: false },
      list: () => {
        if (failing) throw new Error('not now');
        return [ethernet('eth0')];
      },
      clock,
      log,
      signal: new AbortController().signal,
    },
    ready => reports.push(ready.length),
  );
  failing = false;
  await clock.pass(POLL_MS);
  assert.deepEqual(reports, [1]);
});
