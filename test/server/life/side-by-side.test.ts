import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadClients } from '../../../server/clients-config.js';
import { systemFiles } from '../../../server/config/files.js';
import { ask, connectTo, MEETING, PASSWORD, twoHosts } from '../../interop/scene.js';
import { startBus, writeServerConfig } from '../../support/peers.js';
import { makeKeys } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import type { Side, View } from './two-servers.js';
import { Original, Ours } from './two-servers.js';

const PORT = 4711;
const HOUR_MS = 3_600_000;
/** How long both may take to come to a state; none of the checks below has less time than this on a loaded machine. */
const AGREE_MS = 60_000;
const POLL_MS = 100;
/** Longer than the shortest approval_delay below, and than four clients take to connect. */
const ORIGINAL_ASKS_MS = 5_000;
/** Between the readings of a clock that make one time. */
const CLOCK_MS = 500;

/** A section of clients.conf for a machine that nobody has. */
function section(name: string, options: Readonly<Record<string, string>>): string {
  const lines = Object.entries({
    key_id: randomBytes(32).toString('hex'),
    fingerprint: randomBytes(20).toString('hex'),
    secret: Buffer.from('a secret').toString('base64'),
    host: 'localhost',
    checker: 'true',
    interval: 'PT1H',
    timeout: 'PT2H',
    ...options,
  });
  return `[${name}]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`;
}

type Expected = (view: View) => boolean;

/** Waits until a client of either server is as expected. */
async function until(
  sides: readonly Side[],
  client: string,
  what: string,
  isAsExpected: Expected,
): Promise<void> {
  for (const side of sides) {
    const endMs = Date.now() + AGREE_MS;
    for (;;) {
      const view = (await side.read()).get(client);
      if (view && isAsExpected(view)) break;
      assert.ok(Date.now() < endMs, `${side.name}: ${client}: not ${what}: ${JSON.stringify(view)}`);
      await sleep(POLL_MS);
    }
  }
}

const near = (aMs: number | undefined, bMs: number) => aMs !== undefined && Math.abs(aMs - bMs) <= CLOCK_MS;
/** Whether it expires so long after it was last seen, or last enabled. */
const afterSeen = (ms: number) => (view: View) => near(view.expiresMs, (view.lastCheckedOkMs ?? 0) + ms);
const afterEnabled = (ms: number) => (view: View) => near(view.expiresMs, (view.lastEnabledMs ?? 0) + ms);
const isOff = (view: View) => !view.enabled && view.expiresMs === undefined && !view.checking;

test(
  'the same clients.conf, checkers and operator: the same lives as with the original',
  { ...MEETING, ...requires('netns', 'dbus', 'mandos', 'mandos-client', 'gpg') },
  async t => {
    const { lan, server, client } = await twoHosts(t);
    const gates = join(lan.directory, 'gates');
    mkdirSync(gates);
    const open = (gate: string) => writeFileSync(join(gates, gate), '');
    const gate = (name: string) => `test -e ${join(gates, name)}`;
    open('leaving');
    const waiting = ['approved', 'denied', 'passed', 'lapsed'] as const;
    const keys = new Map(
      await Promise.all(
        waiting.map(async name => [name, await makeKeys(lan.directory, name, PASSWORD)] as const),
      ),
    );
    const approval = (name: (typeof waiting)[number], options: string) =>
      `${keys.get(name)?.section.replace('checker = :', 'checker = true') ?? ''}interval = PT1H\n${options}\n`;
    const short = { interval: 'PT2S', timeout: 'PT8S' };
    const clientsConf = [
      section('steady', { ...short, timeout: 'PT2H' }),
      section('failing', { ...short, checker: 'exit 3' }),
      section('hanging', { ...short, checker: `while ! ${gate('hanging')}; do sleep 0.1; done` }),
      section('leaving', { ...short, checker: gate('leaving') }),
      section('idle', { checker: 'true' }),
      section('settings', { checker: 'exit 5' }),
      section('stopped', { checker: `while ! ${gate('stopped')}; do sleep 0.1; done` }),
      section('off', { enabled: 'False' }),
      section('enabled', { enabled: 'False' }),
      approval('approved', 'approval_delay = PT1H\napproved_by_default = False'),
      approval('denied', 'approval_delay = PT1H'),
      approval('passed', 'approval_delay = PT3S\nextended_timeout = PT5H'),
      approval('lapsed', 'approval_delay = PT3S\napproved_by_default = False'),
    ].join('\n');
    const configDirectory = writeServerConfig(server, clientsConf);
    const { clients, faults } = loadClients(configDirectory, systemFiles);
    assert.deepEqual(
      faults.filter(({ severity }) => severity === 'error'),
      [],
    );
    await startBus(server);
    const original = new Original(server, configDirectory, PORT);
    await original.start();
    const ours = new Ours(clients);
    t.after(() => ours.stop());
    const sides = [original, ours];
    const both = async (act: (side: Side) => Promise<void>) => {
      for (const side of sides) await act(side);
    };
    const reaches = (name: string, what: string, isAsExpected: Expected) =>
      until(sides, name, what, isAsExpected);

    // Section 1: the start.
    for (const name of ['idle', 'settings', 'stopped']) {
      await reaches(name, 'waiting for its first check', view => {
        const leftMs = (view.expiresMs ?? 0) - (view.lastEnabledMs ?? 0);
        return view.enabled && view.status === -2 && leftMs >= HOUR_MS && leftMs <= 2 * HOUR_MS + CLOCK_MS;
      });
    }
    await reaches(
      'off',
      'disabled',
      view => isOff(view) && view.lastEnabledMs === undefined && view.status === -2,
    );

    // Sections 1 and 2: what comes by itself.
    await reaches(
      'steady',
      'seen',
      view => view.enabled && view.status === 0 && afterSeen(2 * HOUR_MS)(view),
    );
    await reaches(
      'failing',
      'disabled after one check',
      view => isOff(view) && view.status === 3 && view.lastCheckedOkMs === undefined,
    );
    await reaches('hanging', 'disabled in its first check', view => isOff(view) && view.status === -2);
    await reaches('leaving', 'seen', view => view.status === 0 && afterSeen(8_000)(view));
    rmSync(join(gates, 'leaving'));
    await reaches('leaving', 'failing', view => view.enabled && view.status === 1 && afterSeen(8_000)(view));
    await reaches(
      'leaving',
      'expired',
      view => isOff(view) && view.status === 1 && view.lastCheckedOkMs !== undefined,
    );

    // Sections 4 and 6.
    await both(side => side.call('idle', 'Disable'));
    await reaches('idle', 'disabled', view => isOff(view) && view.lastEnabledMs !== undefined);
    await both(side => side.call('idle', 'CheckedOK'));
    await reaches(
      'idle',
      'seen and disabled',
      view => isOff(view) && view.status === 0 && view.lastCheckedOkMs !== undefined,
    );
    await both(side => side.call('idle', 'Enable'));
    await reaches(
      'idle',
      'enabled',
      view => view.enabled && view.status === 0 && afterEnabled(2 * HOUR_MS)(view),
    );
    await both(side => side.call('enabled', 'Enable'));
    await reaches(
      'enabled',
      'enabled',
      view => view.enabled && view.status === -2 && afterEnabled(2 * HOUR_MS)(view),
    );

    // Sections 6 and 8.
    await both(side => side.call('settings', 'CheckedOK'));
    await reaches('settings', 'seen', view => view.status === 0 && afterSeen(2 * HOUR_MS)(view));
    await both(side => side.set('settings', 'Timeout', 3 * HOUR_MS));
    await reaches('settings', 'expiring later', afterSeen(3 * HOUR_MS));
    await both(side => side.set('settings', 'Interval', 4 * HOUR_MS));
    await reaches(
      'settings',
      'checked at once',
      view => !view.checking && view.status === 5 && afterSeen(3 * HOUR_MS)(view),
    );
    await both(side => side.set('settings', 'Timeout', 0));
    await reaches('settings', 'disabled', view => isOff(view) && view.status === 5);
    await both(side => side.call('settings', 'Enable'));
    await reaches('settings', 'enabled', view => view.enabled && afterEnabled(8 * HOUR_MS)(view));

    // Section 5.
    await both(side => side.call('stopped', 'StartChecker'));
    await reaches('stopped', 'in a check', view => view.checking && view.status === -2);
    await both(side => side.call('stopped', 'StopChecker'));
    await reaches('stopped', 'in no check', view => view.enabled && !view.checking && view.status === -2);
    open('stopped');
    await both(side => side.call('stopped', 'StartChecker'));
    await reaches(
      'stopped',
      'seen',
      view => !view.checking && view.status === 0 && afterSeen(2 * HOUR_MS)(view),
    );
    await both(side => side.call('off', 'StartChecker'));
    await reaches(
      'off',
      'seen and disabled',
      view => isOff(view) && view.status === 0 && view.lastCheckedOkMs !== undefined,
    );

    // Sections 7 and 9.
    const asking = new Map(
      waiting.map(name => {
        const retry = [...connectTo(server, PORT), '--retry=3600'];
        const theirs = ask('ours', client, keys.get(name)?.keys ?? '', retry);
        return [name, { theirs, ours: ours.ask(name) }] as const;
      }),
    );
    // Before they ask again.
    const refused = (['denied', 'lapsed'] as const).map(async name => {
      await asking.get(name)?.theirs.waitForOutput(/closed the connection without sending a password/);
      await asking.get(name)?.theirs.stop();
    });
    for (const name of ['approved', 'denied']) await reaches(name, 'waiting', view => view.pending);
    // The original locks up for good when it is told while it asks: all have asked by then.
    await sleep(ORIGINAL_ASKS_MS);
    await both(side => side.approve('approved', true));
    await both(side => side.approve('denied', false));
    // Of the original it cannot be waited for: where the machine has gone meanwhile, a request can stay for ever.
    for (const name of ['approved', 'passed'])
      await until([ours], name, 'waiting no more', view => !view.pending);
    for (const name of ['approved', 'passed'] as const) {
      await asking.get(name)?.theirs.waitForExit();
      assert.equal(asking.get(name)?.theirs.stdout, PASSWORD);
      assert.equal((await asking.get(name)?.ours)?.verdict?.kind, 'release');
    }
    const nowMs = Date.now();
    await reaches(
      'passed',
      'extended',
      view => Math.abs((view.expiresMs ?? 0) - nowMs - 5 * HOUR_MS) < AGREE_MS,
    );
    for (const name of ['denied', 'lapsed'] as const) {
      assert.equal((await asking.get(name)?.ours)?.verdict?.kind, 'refuse');
    }
    await Promise.all(refused);

    // Section 10. The original does not end while a checker of its runs, be the client disabled or not.
    open('hanging');
    const before = new Map(
      await Promise.all(sides.map(async side => [side.name, await side.read()] as const)),
    );
    await both(side => side.restart());
    for (const name of [
      'steady',
      'failing',
      'hanging',
      'leaving',
      'idle',
      'settings',
      'stopped',
      'off',
      'enabled',
    ]) {
      for (const side of sides) {
        const then = before.get(side.name)?.get(name);
        await until([side], name, 'as before the restart', view => {
          const isSame = view.enabled === then?.enabled && view.status === then.status;
          return isSame && (name === 'steady' || view.lastCheckedOkMs === then.lastCheckedOkMs);
        });
      }
    }
    const startedMs = Date.now();
    await reaches('idle', 'waiting for a check as at any start', view => {
      const leftMs = (view.expiresMs ?? 0) - startedMs;
      return leftMs >= HOUR_MS - AGREE_MS && leftMs <= 2 * HOUR_MS + AGREE_MS;
    });
    await reaches('steady', 'seen', view => view.enabled && afterSeen(2 * HOUR_MS)(view));
  },
);
