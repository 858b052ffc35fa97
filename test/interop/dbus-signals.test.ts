import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../support/child.js';
import type { Keys } from '../support/programs.js';
import { makeKeys, startClient } from '../support/programs.js';
import type { ControlledHost } from './dbus-scene.js';
import { control, CONTROL, SERVER } from './dbus-scene.js';
import type { Program } from './scene.js';
import { createLan } from '../support/namespace.js';
import { requires } from '../support/requires.js';

/** Not enabled at the start, when the first check comes at random: enabled later, it comes after an interval. */
const SLOW = 'enabled = False\ninterval = PT1H\ntimeout = PT2H\nextended_timeout = PT2H\nhost = localhost\n';

/** A client that nobody asks for: its key is anybody's. */
function section(name: string, digit: string, checker: string): string {
  const keys = `key_id = ${digit.repeat(64)}\nfingerprint = ${digit.repeat(40)}\nsecret = wQECAw==\n`;
  return `[${name}]\n${keys}checker = ${checker}\n${SLOW}`;
}

const CLIENTS = [
  section('ok', 'a', 'true'),
  section('bad', 'b', 'exit 7'),
  section('killed', 'c', 'kill -KILL $$$$'.replaceAll('$$', '$')),
  section('ended', 'd', 'kill -TERM $$$$'.replaceAll('$$', '$')),
  section('slow', 'e', 'exec sleep 600'),
].join('\n');

/** The original locks up for good when it hears Approve while it sends NeedApproval, and says not when it has ended that. */
const ORIGINAL_LOCKS_MS = 2000;

interface Step {
  readonly what: string;
  readonly run: (server: ControlledHost) => Promise<unknown>;
}

/** Both CheckerCompleted of a check that ends by itself. */
const checked = async (server: ControlledHost, name: string) => {
  await server.of(name, 'StartChecker');
  await server.wait('CheckerCompleted', 2);
};

const STEPS: readonly Step[] = [
  ...['ok', 'bad', 'killed', 'ended', 'slow'].map(name => ({
    what: `enable ${name}`,
    run: (server: ControlledHost) => server.of(name, 'Enable'),
  })),
  { what: 'disable', run: server => server.of('ok', 'Disable') },
  { what: 'disable a disabled one', run: server => server.of('ok', 'Disable') },
  { what: 'check a disabled one', run: server => checked(server, 'ok') },
  { what: 'check OK a disabled one', run: server => server.of('ok', 'CheckedOK') },
  { what: 'enable', run: server => server.set('ok', 'Enabled', 'b', true) },
  { what: 'enable an enabled one', run: server => server.of('ok', 'Enable') },
  { what: 'check OK', run: server => server.of('ok', 'CheckedOK') },
  { what: 'check OK by property', run: server => server.set('ok', 'LastCheckedOK', 's', '') },
  { what: 'a check succeeds', run: server => checked(server, 'ok') },
  { what: 'a check fails', run: server => checked(server, 'bad') },
  { what: 'a check fails again', run: server => checked(server, 'bad') },
  { what: 'check OK after a failure', run: server => server.of('bad', 'CheckedOK') },
  { what: 'a checker is killed', run: server => checked(server, 'killed') },
  { what: 'a checker is ended', run: server => checked(server, 'ended') },
  { what: 'start a checker', run: server => server.of('slow', 'StartChecker') },
  { what: 'start one that runs', run: server => server.of('slow', 'StartChecker') },
  { what: 'stop a checker', run: server => server.set('slow', 'CheckerRunning', 'b', false) },
  { what: 'stop one that does not run', run: server => server.of('slow', 'StopChecker') },
  { what: 'start a checker again', run: server => server.set('slow', 'CheckerRunning', 'b', true) },
  { what: 'disable while its checker runs', run: server => server.set('slow', 'Enabled', 'b', false) },
  { what: 'timeout', run: server => server.set('ok', 'Timeout', 't', 7_300_000n) },
  { what: 'timeout of a disabled one', run: server => server.set('slow', 'Timeout', 'i', 7_400_000) },
  { what: 'extended timeout', run: server => server.set('ok', 'ExtendedTimeout', 't', 1n) },
  { what: 'approval delay', run: server => server.set('ok', 'ApprovalDelay', 't', 1n) },
  { what: 'approval duration', run: server => server.set('ok', 'ApprovalDuration', 't', 1n) },
  { what: 'approved by default', run: server => server.set('ok', 'ApprovedByDefault', 'b', false) },
  { what: 'host', run: server => server.set('ok', 'Host', 's', 'other') },
  { what: 'checker', run: server => server.set('ok', 'Checker', 's', 'false') },
  { what: 'the same host', run: server => server.set('ok', 'Host', 's', 'other') },
  { what: 'secret', run: server => server.set('ok', 'Secret', 'ay', Buffer.from([0xc1, 5])) },
  { what: 'the same secret', run: server => server.set('ok', 'Secret', 'ay', Buffer.from([0xc1, 5])) },
  {
    what: 'interval',
    run: async server => {
      await server.set('bad', 'Interval', 't', 3_700_000n);
      await server.wait('CheckerCompleted', 2);
    },
  },
  { what: 'interval of a disabled one', run: server => server.set('slow', 'Interval', 't', 3_700_000n) },
  { what: 'approve nobody', run: server => server.of('ok', 'Approve', 'b', true) },
  { what: 'remove', run: server => server.call('/', SERVER, 'RemoveClient', 'o', '/clients/ended') },
  {
    what: 'remove while its checker runs',
    run: async server => {
      await server.of('slow', 'StartChecker');
      await server.call('/', SERVER, 'RemoveClient', 'o', '/clients/slow');
    },
  },
];

/** What was said at each step. */
async function record(server: ControlledHost, steps: readonly Step[]): Promise<Record<string, string[]>> {
  const said: Record<string, string[]> = {};
  for (const { what, run } of steps) {
    await run(server);
    said[what] = await server.said();
  }
  return said;
}

/** By client: the original announces its clients in no order. */
function byClient(lines: readonly string[]): string[] {
  const name = (line: string) => /\/clients\/(\w+)/.exec(line)?.[1] ?? '';
  return [...lines].toSorted((a, b) => name(a).localeCompare(name(b)));
}

/** Of a start, what the original says besides: each client's first Expires, although it is in InterfacesAdded. */
function withoutExpires(lines: readonly string[]): string[] {
  return lines.filter(
    line => !line.includes('PropertyChanged Expires') && !line.includes('PropertiesChanged'),
  );
}

/** Interfaces of InterfacesAdded: the original leaves out the two standard ones that have nothing to say. */
function withoutStandard(lines: readonly string[]): string[] {
  return lines.map(line =>
    line.replace(/org\.freedesktop\.DBus\.(Introspectable|Properties): \{\}(, )?/g, ''),
  );
}

test(
  'what an operator does is told by the same signals in the same order as the original tells it',
  CONTROL,
  async t => {
    const [ours, original] = await Promise.all([
      control(t, 'ours', CLIENTS),
      control(t, 'original', CLIENTS),
    ]);
    const settled = async (server: ControlledHost) => {
      await server.wait('ClientAdded', 10);
      return withoutStandard(byClient(withoutExpires(await server.said())));
    };
    assert.deepEqual(await settled(ours), await settled(original), 'start');
    const [said, expected] = await Promise.all([record(ours, STEPS), record(original, STEPS)]);
    for (const { what } of STEPS) assert.deepEqual(said[what], expected[what], what);
    const farewell = async (server: ControlledHost) => {
      server.child.signal('SIGTERM');
      await server.wait('ClientRemoved', 6);
      return byClient(await server.said());
    };
    assert.deepEqual(await farewell(ours), await farewell(original), 'stop');
  },
);

/** A client that asks: its section has its own keys. */
async function requesters(t: TestContext) {
  const lan = await createLan(t);
  const make = async (name: string, settings: string) => {
    const keys = await makeKeys(lan.directory, name, 'secret');
    return { ...keys, section: `${keys.section}${SLOW.replace('host = localhost\n', '')}${settings}` };
  };
  return {
    plain: await make('plain', ''),
    waiting: await make('waiting', 'approval_delay = PT1H\napproved_by_default = False\n'),
    denied: await make('denied', 'approval_delay = PT1H\n'),
    timed: await make('timed', 'approval_delay = PT2S\napproved_by_default = False\n'),
    free: await make('free', 'approval_delay = PT2S\n'),
    stranger: await make('stranger', ''),
  };
}

type Requesters = Awaited<ReturnType<typeof requesters>>;

function requestSteps(keys: Requesters): readonly Step[] {
  const asking: Child[] = [];
  const ask = (server: ControlledHost, { keys: directory }: Keys) => {
    const child = startClient(server.host, directory, [`--connect=[::1]:${server.port}`]);
    asking.push(child);
    return child;
  };
  const end = async () => {
    await Promise.all(asking.splice(0).map(child => child.stop('SIGKILL')));
  };
  const until = (who: Keys, member: string) => async (server: ControlledHost) => {
    ask(server, who);
    await server.wait(member, 2);
    await end();
  };
  return [
    { what: 'plain: a secret is sent', run: until(keys.plain, 'GotSecret') },
    { what: ': an unknown key', run: until(keys.stranger, 'ClientNotFound') },
    { what: 'plain: disabled', run: server => server.of('plain', 'Disable') },
    { what: 'plain: a disabled client asks', run: until(keys.plain, 'Rejected') },
    {
      what: 'waiting: an approval is given',
      run: async server => {
        ask(server, keys.waiting);
        await server.wait('NeedApproval', 2);
        await sleep(ORIGINAL_LOCKS_MS);
        await server.of('waiting', 'Approve', 'b', true);
        await server.wait('GotSecret', 2);
        await server.waitForIdle('waiting');
        await end();
      },
    },
    {
      what: 'denied: an approval is denied',
      run: async server => {
        ask(server, keys.denied);
        await server.wait('NeedApproval', 2);
        await sleep(ORIGINAL_LOCKS_MS);
        await server.of('denied', 'Approve', 'b', false);
        await server.wait('Rejected', 2);
        await server.waitForIdle('denied');
        await end();
      },
    },
    {
      what: 'timed: an approval times out',
      run: async server => {
        ask(server, keys.timed);
        await server.wait('Rejected', 2);
        await server.waitForIdle('timed');
        await end();
      },
    },
    {
      what: 'free: an approval by default',
      run: async server => {
        ask(server, keys.free);
        await server.wait('GotSecret', 2);
        await server.waitForIdle('free');
        await end();
      },
    },
  ];
}

/**
 * What was said of one client's first request: a client that is refused asks again after a second, and a busy machine may
 * be late to end it.
 * @param what a step's, which begins with the client's name
 */
function firstRound(what: string, lines: readonly string[] = []): string[] {
  const [name = ''] = what.split(':');
  const ofClient = lines.filter(line =>
    name === '' ? line.startsWith('/ ') : line.startsWith(`/clients/${name} `),
  );
  const again = ofClient.indexOf(ofClient[0] ?? '', 1);
  return again < 0 ? ofClient : ofClient.slice(0, again);
}

/** The original tells of LastApprovalRequest once more after NeedApproval. */
function once(lines: readonly string[]): string[] {
  let seen = 0;
  return lines.filter(line => !line.includes('LastApprovalRequest') || seen++ < 3);
}

test(
  'requests for secrets are told by the same signals in the same order as the original tells them',
  requires('netns', 'root', 'dbus', 'mandos', 'gpg'),
  async t => {
    const keys = await requesters(t);
    const conf = [keys.plain, keys.waiting, keys.denied, keys.timed, keys.free]
      .map(({ section: text }) => text)
      .join('\n');
    const all: Partial<Record<Program, Record<string, string[]>>> = {};
    for (const program of ['ours', 'original'] satisfies Program[]) {
      const server = await control(t, program, conf);
      await server.wait('ClientAdded', 10);
      for (const name of ['plain', 'waiting', 'denied', 'timed', 'free']) await server.of(name, 'Enable');
      await server.said();
      all[program] = await record(server, requestSteps(keys));
    }
    for (const [what, expected] of Object.entries(all.original ?? {})) {
      const said = firstRound(what, all.ours?.[what]);
      assert.ok(said.length > 0, what);
      assert.deepEqual(said, once(firstRound(what, expected)), what);
    }
  },
);
