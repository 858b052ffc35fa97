import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Alert } from '../../../server/alerts/alert.js';
import { alertOf, floodOf, serverStarted, withCount } from '../../../server/alerts/alert.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { scratchDirectory } from '../../support/loopback.js';
import { requires } from '../../support/requires.js';
import { VERDICTS } from '../audit/sample-events.js';
import { namedClient, NOW_MS, PEER } from './scene.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'docs/hooks/mandos-notify');
const keyId = 'ab'.repeat(32);

/** An alert of each kind. */
function allAlerts(): Map<string, Alert> {
  const client = namedClient('web1');
  const refusal = { kind: 'refuse', client, code: 'disabled', reason: 'client web1 is disabled' } as const;
  const events: ClientEvent[] = [
    ...VERDICTS,
    { kind: 'refused', client, keyId, peer: PEER, refusal },
    { kind: 'impostor', client, keyId, peer: PEER },
    { kind: 'expiring-soon', client, leftMs: 1000, reason: 'its checks fail' },
  ];
  const alerts = events.flatMap(event => alertOf(event, NOW_MS) ?? []);
  // What serve.ts says of the server.
  alerts.push(serverStarted({ version: '1', clients: 1, port: 1 }, NOW_MS));
  return new Map(
    alerts.map(alert => [alert.event, floodOf(alert) === undefined ? alert : withCount(alert, 1)]),
  );
}

test('mandos.conf.5 has each event with its members, and no other', () => {
  const page = readFileSync(join(ROOT, 'packaging/man/mandos.conf.5'), 'utf8');
  const section = page.split('\n.SH EVENTS\n')[1]?.split('\n.SH ')[0] ?? '';
  const documented = [...section.matchAll(/^\.TP\n\.B (\w+)\n[^]*?^Members: (.*)\.$/gm)].map(
    ([, event = '', members = '']) => [event, members.match(/(?<=\\fB)\w+/g)?.toSorted()],
  );
  const first = new Set(['time', 'event', 'client', 'key_id']);
  const said = [...allAlerts()].map(([event, { members }]) => [
    event,
    Object.keys(members)
      .filter(name => !first.has(name))
      .toSorted(),
  ]);
  assert.deepEqual(new Map(documented as [string, string[]][]), new Map(said as [string, string[]][]));
});

test('the example is a shell script without a fault', requires('shellcheck'), () => {
  execFileSync('shellcheck', ['--shell=sh', EXAMPLE]);
});

test('the example sends each event that somebody should see to by mail and to a webhook', t => {
  const directory = scratchDirectory(t);
  const written = (name: string) => {
    const file = join(directory, `${name}.out`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  for (const name of ['sendmail', 'curl']) {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n{ printf '%s\\n' "$@"; cat; } >"${path}.out"\n`);
    chmodSync(path, 0o755);
  }
  for (const [event, { members }] of allAlerts()) {
    for (const name of ['sendmail', 'curl']) writeFileSync(join(directory, `${name}.out`), '');
    const { status, stderr } = spawnSync(EXAMPLE, [event], {
      input: `${JSON.stringify(members)}\n`,
      encoding: 'utf8',
      env: {
        PATH: `${directory}:/usr/bin:/bin`,
        MANDOS_NOTIFY_MAIL: 'admin@example.org',
        MANDOS_NOTIFY_WEBHOOK: 'http://127.0.0.1:1/hook',
      },
    });
    assert.deepEqual([status, stderr], [0, ''], event);
    const [mail, posted] = [written('sendmail'), written('curl')];
    if (event === 'released' || event === 'server_started') {
      assert.equal(mail + posted, '', event);
      continue;
    }
    const of = members['client'] === null ? '' : ': web1';
    assert.ok(
      mail.startsWith(`-oi\n--\nadmin@example.org\nTo: admin@example.org\nSubject: [mandos] ${event}${of}\n`),
      mail,
    );
    const [, body = ''] = mail.split('\n\n');
    assert.deepEqual(JSON.parse(body), members);
    const json = posted.split('\n').find(line => line.startsWith('{')) ?? '';
    assert.deepEqual(JSON.parse(json), members);
    assert.match(posted, /\nhttp:\/\/127\.0\.0\.1:1\/hook\n/);
  }
});

test('the example fails when the mail cannot be sent, so that the log says it', t => {
  const directory = scratchDirectory(t);
  const path = join(directory, 'sendmail');
  writeFileSync(path, '#!/bin/sh\necho no mail today >&2\nexit 75\n');
  chmodSync(path, 0o755);
  const { status, stderr } = spawnSync(EXAMPLE, ['disabled'], {
    input: '{}\n',
    encoding: 'utf8',
    env: { PATH: `${directory}:/usr/bin:/bin` },
  });
  assert.deepEqual([status, stderr], [75, 'no mail today\n']);
});
