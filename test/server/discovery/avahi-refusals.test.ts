import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MethodCall, Signal } from '../../../common/dbus/bus.js';
import { MandosError } from '../../../common/errors.js';
import { createLog } from '../../../common/log.js';
import { publishThroughAvahi } from '../../../server/discovery/avahi.js';
import type { AvahiServer } from '../../../server/discovery/avahi-watch.js';

const ENTRY_GROUP = 'org.freedesktop.Avahi.EntryGroup';

/** An Avahi that takes everything, and says what the test has it say: how a real one can fail is hard to arrange. */
function scriptedAvahi(hangsAt?: string) {
  const calls: MethodCall[] = [];
  let listener: (signal: Signal) => void = () => {};
  const bus: AvahiServer['bus'] = {
    gone: new AbortController().signal,
    call: async (call, timeoutMs = 10_000) => {
      calls.push(call);
      if (call.member === hangsAt) await neverAnswered(call.member, timeoutMs);
      return call.member === 'EntryGroupNew' ? ['/group'] : [];
    },
    onSignal: async (_, heard) => {
      listener = heard;
      return () => {};
    },
    close: () => {},
  };
  return {
    bus,
    calls,
    say: (state: number, path = '/group') =>
      listener({ path, interface: ENTRY_GROUP, member: 'StateChanged', body: () => [state, 'reason'] }),
  };
}

/** As Bus.call has it. */
async function neverAnswered(member: string, timeoutMs: number): Promise<never> {
  return await new Promise((_, reject) => {
    setTimeout(() => reject(new MandosError('DBUS_TIMEOUT', `no answer to ${member}`)), timeoutMs);
  });
}

function publish(avahi: ReturnType<typeof scriptedAvahi>) {
  const failures: string[] = [];
  const log = createLog({ write: () => {} }, 'debug');
  const publication = publishThroughAvahi(
    { bus: avahi.bus, owner: ':1.1' },
    { name: 'Mandos', port: 4711, family: 'any' },
    log,
    { renamed: () => {}, failed: reason => failures.push(reason) },
  );
  return { publication, failures };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

test('an Avahi that never establishes the service has failed after its time, and gives up the group', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const avahi = scriptedAvahi();
  const { publication, failures } = publish(avahi);
  await settle();
  assert.deepEqual(
    avahi.calls.map(({ member }) => member),
    ['EntryGroupNew', 'AddService', 'Commit'],
  );
  avahi.say(1);
  t.mock.timers.tick(9999);
  assert.deepEqual(failures, []);
  t.mock.timers.tick(1);
  assert.deepEqual(failures, ['Avahi did not establish the service in 10 s']);
  await publication.stop();
  assert.equal(avahi.calls.at(-1)?.member, 'Free');
});

test('one that has established it in time has not failed', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const avahi = scriptedAvahi();
  const { failures } = publish(avahi);
  await settle();
  avahi.say(2);
  t.mock.timers.tick(60_000);
  assert.deepEqual(failures, []);
});

test("a failure of the group is one, that of another program's is none", async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const avahi = scriptedAvahi();
  const { failures } = publish(avahi);
  await settle();
  avahi.say(4, '/other');
  assert.deepEqual(failures, []);
  avahi.say(4);
  assert.deepEqual(failures, ['Avahi reports a failure: reason']);
});

for (const member of ['EntryGroupNew', 'AddService', 'Commit']) {
  test(`an Avahi that does not answer ${member} has failed after three seconds`, async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const avahi = scriptedAvahi(member);
    const { failures } = publish(avahi);
    await settle();
    assert.equal(avahi.calls.at(-1)?.member, member);
    t.mock.timers.tick(2999);
    await settle();
    assert.deepEqual(failures, []);
    t.mock.timers.tick(1);
    await settle();
    assert.deepEqual(failures, [`no answer to ${member}`]);
  });
}

for (const member of ['GetAlternativeServiceName', 'Reset']) {
  test(`nor does one that finds a collision hold up the service when it does not answer ${member}`, async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const avahi = scriptedAvahi(member);
    const { failures } = publish(avahi);
    await settle();
    avahi.say(3);
    await settle();
    assert.equal(avahi.calls.at(-1)?.member, member);
    t.mock.timers.tick(3000);
    await settle();
    assert.deepEqual(failures, [`no answer to ${member}`]);
  });
}
