import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InterfaceRaiser } from '../../../client-plugin/network/bring-up.js';
import { parseInterfaceOption, POLL_MS } from '../../../client-plugin/network/interfaces.js';
import { SystemCallError } from '../../../common/libc.js';
import { createLog } from '../../../common/log.js';
import type { NetworkInterface } from '../../../common/network-interfaces.js';
import { ethernet, ipAddress } from '../../support/interfaces.js';
import { SimulatedClock } from '../simulation.js';

const down = (name: string, changes: Partial<NetworkInterface> = {}) =>
  ethernet(name, { up: false, running: false, addresses: [], ...changes });

/** Brings interfaces up on a machine that is only thought. */
function machine(names: string[], { option = [] as string[], fail = (_name: string): string => '' } = {}) {
  const clock = new SimulatedClock();
  const state = { interfaces: names.map(name => down(name)), asRoot: 0, quiet: 0, atOnce: 0 };
  const calls: string[] = [];
  const lines: string[] = [];
  let isRoot = false;
  const change = (name: string, changes: Partial<NetworkInterface>) => {
    state.interfaces = state.interfaces.map(nic => (nic.name === name ? { ...nic, ...changes } : nic));
  };
  const raiser = new InterfaceRaiser({
    choice: { ...parseInterfaceOption(option), direct: false },
    list: () => state.interfaces,
    setUp(name, up) {
      assert.ok(isRoot);
      calls.push(`${name} ${up ? 'up' : 'down'}`);
      const errorName = fail(name);
      if (errorName) throw new SystemCallError('SIOCSIFFLAGS', errorName);
      change(name, { up });
    },
    useAddressesAtOnce(name) {
      assert.ok(isRoot);
      assert.ok(!state.interfaces.some(nic => nic.name === name && nic.up), 'before it is up');
      state.atOnce++;
      return () => state.atOnce--;
    },
    quietKernel() {
      state.quiet++;
      return () => state.quiet--;
    },
    privileges: {
      lower() {},
      asRoot(act) {
        isRoot = true;
        try {
          return act();
        } finally {
          isRoot = false;
        }
      },
    },
    clock,
    log: createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'info'),
  });
  return {
    raiser,
    state,
    calls,
    lines,
    change,
    pass: (ms: number) => clock.pass(ms),
    pending: () => clock.pending,
  };
}

test('what is down is brought up at once, what comes later when it comes, and all is taken down', async () => {
  const it = machine(['eth0']);
  it.raiser.begin();
  assert.deepEqual(it.calls, ['eth0 up']);
  assert.equal(it.state.quiet, 1);
  it.state.interfaces.push(down('usb0', { index: 7 }), ethernet('eth1'));
  await it.pass(POLL_MS);
  assert.deepEqual(it.calls, ['eth0 up', 'usb0 up']);
  assert.equal(it.state.atOnce, 2);
  it.raiser.end();
  assert.deepEqual(it.calls.slice(2), ['eth0 down', 'usb0 down']);
  assert.deepEqual([it.state.quiet, it.state.atOnce], [0, 0]);
  assert.equal(it.pending(), 0);
});

test('an interface is said to be up once, when it has a carrier, if it was brought up', async () => {
  const it = machine(['eth0', 'eth1']);
  it.change('eth1', { up: true, running: true });
  it.raiser.begin();
  await it.pass(POLL_MS);
  assert.deepEqual(it.lines, []);
  for (const running of [true, false, true]) {
    it.change('eth0', { running });
    await it.pass(POLL_MS);
  }
  assert.deepEqual(it.lines, ['info: interface eth0 is up']);
});

test('who takes an interface down that was brought up has a reason; one made anew is another', async () => {
  const it = machine(['eth0']);
  it.raiser.begin();
  it.change('eth0', { up: false });
  await it.pass(10 * POLL_MS);
  assert.deepEqual(it.calls, ['eth0 up']);
  it.change('eth0', { index: 9 });
  await it.pass(POLL_MS);
  assert.deepEqual(it.calls, ['eth0 up', 'eth0 up']);
});

test('nothing is brought up, and the kernel may speak, when all is up or must not be', async () => {
  const up = machine([]);
  up.state.interfaces = [ethernet('eth0')];
  const none = machine(['eth0', 'eth1'], { option: ['none'] });
  for (const it of [up, none]) {
    it.raiser.begin();
    await it.pass(POLL_MS);
    it.raiser.end();
    assert.deepEqual(it.calls, []);
  }
  const some = machine(['eth0', 'eth1'], { option: ['eth1,none', 'eth0'] });
  some.raiser.begin();
  assert.deepEqual(some.calls, ['eth1 up']);
  assert.equal(some.state.quiet, 1);
});

test('without the right to bring interfaces up that is said once, and not tried again', async () => {
  const it = machine(['eth0', 'eth1'], { fail: () => 'EPERM' });
  it.raiser.begin();
  await it.pass(10_000);
  it.raiser.end();
  assert.deepEqual(it.calls, ['eth0 up']);
  assert.equal(it.lines.length, 1);
  assert.match(it.lines[0] ?? '', /^warning: network interfaces cannot be brought up: only root can/);
});

test('an interface whose driver fails is tried again, and each reason is said once', async () => {
  let errorName = 'ENOENT';
  const it = machine(['wlan0', 'eth0'], { fail: name => (name === 'wlan0' ? errorName : '') });
  it.raiser.begin();
  await it.pass(5_000);
  const tries = it.calls.filter(call => call === 'wlan0 up').length;
  assert.ok(tries >= 3 && tries <= 6, `${tries}`);
  assert.deepEqual(it.lines, [
    'warning: interface wlan0 cannot be brought up: SIOCSIFFLAGS: no such file or directory',
  ]);
  errorName = '';
  await it.pass(2_000);
  it.raiser.end();
  assert.deepEqual(it.calls.slice(-2), ['wlan0 down', 'eth0 down']);
});

test('what has got an IPv4 address stays up, and what had it before does not', () => {
  const it = machine(['eth0', 'eth1']);
  it.change('eth1', { addresses: [ipAddress('192.0.2.1')] });
  it.raiser.begin();
  it.change('eth0', { addresses: [ipAddress('192.0.2.2'), ipAddress('fe80::1')] });
  it.raiser.end();
  assert.deepEqual(it.calls.slice(2), ['eth1 down']);
});

test('a failure to take one down is said, and does not keep the others up', () => {
  let failing = '';
  const it = machine(['eth0', 'eth1', 'eth2'], { fail: name => (name === failing ? 'EIO' : '') });
  it.raiser.begin();
  failing = 'eth1';
  it.raiser.end();
  assert.deepEqual(it.calls.slice(3), ['eth0 down', 'eth1 down', 'eth2 down']);
  assert.deepEqual(it.lines, ['warning: interface eth1 cannot be taken down: SIOCSIFFLAGS: i/o error']);
  assert.equal(it.state.quiet, 0);
});
