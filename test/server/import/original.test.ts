import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from '../../../server/client/client.js';
import { overridesOf } from '../../../server/client/restore.js';
import { loadClients } from '../../../server/clients-config.js';
import { systemFiles } from '../../../server/config/files.js';
import { importState } from '../../../server/import/import-state.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';
import { makeTlsKey } from '../../support/keys.js';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import { NOW_MS } from './samples.js';

/** No check by itself while the test runs: its first comes at random within this time. The original takes no longer one. */
const NEVER = 'interval = P3W\n';
const OFTEN = 'interval = PT1S\n';

function section(name: string, lines: string, secret = `secret of ${name}`): string {
  return `[${name}]
key_id = ${makeTlsKey().keyId}
fingerprint = 7788 2722 5BA7 DE53 9C5A 7CFA 59CF F7CD BD9A 5920
secret = ${Buffer.from(secret).toString('base64')}
${lines}
`;
}

const CONFIGURED = [
  section('steady', NEVER),
  section('checked', `${NEVER}host = checked.example.org\nchecker = echo %%(host)s 100%%%%`),
  section('disabled', `${NEVER}host =`),
  section('changed', `${NEVER}approved_by_default = no`),
  section('new-secret', NEVER, 'x'.repeat(1500)),
  section('removed', NEVER),
  section('off', `${NEVER}enabled = no`),
  section('off.on', `${NEVER}enabled = no`),
  section('denied', `${NEVER}approval_duration = PT1H`),
  section('fails', `${OFTEN}checker = exit 7`),
  section('killed', `${OFTEN}checker = kill -9 $$`),
].join('\n');

/** Runs the original's mandos-ctl. @returns what it prints */
async function control(host: Host, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run('mandos-ctl', args);
  assert.equal(code, 0, `mandos-ctl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

type Dump = Record<string, { Enabled: boolean; LastCheckerStatus: number }>;

/** What the original's mandos-ctl prints when both clients with failing checkers are disabled. */
async function settledDump(host: Host): Promise<string> {
  const endMs = Date.now() + DEFAULT_WAIT_MS;
  for (;;) {
    const text = await control(host, '--dump-json');
    const { fails, killed } = JSON.parse(text) as Dump;
    if (fails?.Enabled === false && killed?.Enabled === false) return text;
    assert.ok(Date.now() < endMs, text);
  }
}

const byName = (clients: readonly Client[]) => new Map(clients.map(client => [client.settings.name, client]));

test(
  'both of what the original prints and what it leaves behind are imported, with what was changed at run time',
  requires('netns', 'dbus', 'mandos', 'gpg'),
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('server');
    await startBus(host);
    const configDirectory = writeServerConfig(host, CONFIGURED);
    const server = await startRealMandos(host, { configDirectory, args: ['--no-zeroconf', '--port=4711'] });

    const newSecret = join(lan.directory, 'new-secret');
    writeFileSync(newSecret, Buffer.from([0, 1, 0xff, 10]));
    await control(host, '--bump-timeout', 'checked');
    await control(host, '--disable', 'disabled');
    await control(host, '--timeout=PT17M', '--extended-timeout=PT1H', '--host=other host', 'changed');
    await control(
      host,
      '--checker=echo %(host)s',
      '--approval-delay=PT3S',
      '--approval-duration=PT9S',
      'changed',
    );
    await control(host, '--approve-by-default', 'changed');
    await control(host, `--secret=${newSecret}`, 'new-secret');
    await control(host, '--remove', 'removed');
    await control(host, '--enable', 'off.on');
    await control(host, '--deny', 'denied');
    const dump = join(lan.directory, 'dump.json');
    writeFileSync(dump, await settledDump(host));
    // It encrypts each secret before it ends.
    server.child.signal('SIGTERM');
    assert.equal((await server.child.waitForExit()).code, 0, server.child.tail());

    const { clients: configured, faults } = loadClients(configDirectory, systemFiles);
    assert.deepEqual(
      faults.filter(({ severity }) => severity === 'error'),
      [],
    );
    const json = await importState(dump, configured, systemFiles, NOW_MS);
    const pickleFile = join(server.stateDirectory, 'clients.pickle');
    const pickle = await importState(pickleFile, configured, systemFiles, NOW_MS);

    await t.test('as it was there', () => {
      const clients = byName(pickle.clients);
      assert.deepEqual(
        [...clients.keys(), ...pickle.removed].toSorted(),
        configured.map(each => each.name).toSorted(),
      );
      assert.deepEqual(pickle.removed, ['removed']);
      assert.deepEqual(pickle.skipped, []);
      const enabled = pickle.clients.filter(client => client.enabled).map(({ settings }) => settings.name);
      assert.deepEqual(enabled, ['steady', 'checked', 'changed', 'new-secret', 'off.on', 'denied']);
      for (const [name, client] of clients) {
        const expected: Record<string, object> = {
          changed: {
            timeoutMs: 1_020_000,
            extendedTimeoutMs: 3_600_000,
            host: 'other host',
            checker: 'echo %(host)s',
            approvalDelayMs: 3000,
            approvalDurationMs: 9000,
            approvedByDefault: true,
          },
          'new-secret': { secret: Buffer.from([0, 1, 0xff, 10]) },
        };
        const { secret, ...others } = overridesOf(client);
        assert.deepEqual(
          secret ? { ...others, secret: Buffer.from(secret) } : others,
          expected[name] ?? {},
          name,
        );
      }
      assert.deepEqual(clients.get('checked')?.lastCheck, { kind: 'exited', status: 0 });
      assert.ok(clients.get('checked')?.lastCheckedOkMs);
      assert.equal(clients.get('steady')?.lastCheck, undefined);
      assert.deepEqual(clients.get('fails')?.lastCheck, { kind: 'exited', status: 7 });
      assert.equal(clients.get('killed')?.lastCheck?.kind, 'killed');
      assert.equal(clients.get('denied')?.approval?.granted, false);
      assert.deepEqual(pickle.notes, [
        'off.on: enabled, as it was at run time, although clients.conf has "enabled = False"',
      ]);
    });

    await t.test('the same from both, where both know', () => {
      const known = byName(json.clients);
      assert.deepEqual(json.removed, []);
      assert.equal(known.get('removed')?.enabled, false);
      assert.equal(known.size, configured.length);
      for (const [name, client] of byName(pickle.clients)) {
        const { settings } = client;
        const { secret } = client.configured ?? settings;
        assert.deepEqual(
          known.get(name),
          { ...client, settings: { ...settings, secret }, approval: undefined },
          name,
        );
      }
      assert.match(
        json.notes.join('\n'),
        /^removed: not in the file: .*"mandos-ctl --enable removed" enables it$/m,
      );
      assert.match(json.notes.join('\n'), /^the file has no secrets/m);
    });
  },
);
