import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
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

/** Runs the example with a curl that writes down what it is given; the one for mail ends with `mailStatus`. */
function exampleRunner(directory: string, mailStatus = 0) {
  const path = join(directory, 'curl');
  writeFileSync(
    path,
    `#!/bin/sh
case " $* " in *' --upload-file '*) out=mail status=${mailStatus} ;; *) out=web status=0 ;; esac
{ printf '%s\\n' "$@"; cat; } >"${directory}/$out"
[ "$status" = 0 ] || echo no mail today >&2
exit "$status"
`,
  );
  chmodSync(path, 0o755);
  return (event: string, members: object, env: NodeJS.ProcessEnv = {}) => {
    for (const name of ['mail', 'web']) writeFileSync(join(directory, name), '');
    const { status, stderr } = spawnSync(EXAMPLE, [event], {
      input: `${JSON.stringify(members)}\n`,
      encoding: 'utf8',
      env: {
        PATH: `${directory}:/usr/bin:/bin`,
        MANDOS_NOTIFY_MAIL: 'admin@example.org',
        MANDOS_NOTIFY_WEBHOOK: 'http://127.0.0.1:1/hook',
        MANDOS_NOTIFY_STAMPS: '',
        ...env,
      },
    });
    const written = (name: string) => readFileSync(join(directory, name), 'utf8');
    return { status, stderr, mail: written('mail'), posted: written('web') };
  };
}

test('the example sends each event that somebody should see to by mail and to a webhook', t => {
  const run = exampleRunner(scratchDirectory(t));
  for (const [event, { members }] of allAlerts()) {
    const { status, stderr, mail, posted } = run(event, members);
    assert.deepEqual([status, stderr], [0, ''], event);
    if (event === 'released' || event === 'server_started') {
      assert.equal(mail + posted, '', event);
      continue;
    }
    const of = members['client'] === null ? '' : ': web1';
    assert.match(mail, /\n--mail-rcpt\nadmin@example\.org\n[^]*\nsmtp:\/\/localhost\n/);
    assert.ok(mail.includes(`\nTo: admin@example.org\nSubject: [mandos] ${event}${of}\n`), mail);
    const [, body = ''] = mail.split('\n\n');
    assert.deepEqual(JSON.parse(body), members);
    const json = posted.split('\n').find(line => line.startsWith('{')) ?? '';
    assert.deepEqual(JSON.parse(json), members);
    assert.match(posted, /\nhttp:\/\/127\.0\.0\.1:1\/hook\n/);
  }
});

test('the example says nothing of refusals that are as somebody has set them', t => {
  const run = exampleRunner(scratchDirectory(t));
  for (const code of ['outside-window', 'too-many-releases', 'approval-timeout']) {
    const { status, mail, posted } = run('refused', { client: 'web1', code });
    assert.deepEqual([status, mail, posted], [0, '', ''], code);
  }
  assert.notEqual(run('refused', { client: 'web1', code: 'disabled' }).mail, '');
});

test('the example says the same of a client once in a while, and what is another thing at once', t => {
  const directory = scratchDirectory(t);
  const run = exampleRunner(directory);
  const isSent = (event: string, members: object) =>
    run(event, members, { MANDOS_NOTIFY_STAMPS: directory }).mail !== '';
  const refused = { client: 'web1', key_id: keyId, code: 'disabled' };
  assert.equal(isSent('refused', refused), true);
  assert.equal(isSent('refused', refused), false);
  assert.equal(isSent('refused', { ...refused, code: 'denied' }), true);
  assert.equal(isSent('refused', { ...refused, client: 'web2', key_id: 'cd'.repeat(32) }), true);
  assert.equal(isSent('impostor', refused), true);
  const stamps = join(directory, 'notify');
  const longAgo = new Date(Date.now() - 16 * 60_000);
  for (const name of readdirSync(stamps)) utimesSync(join(stamps, name), longAgo, longAgo);
  assert.equal(isSent('refused', refused), true, 'after a quarter of an hour');
});

test('a mail that cannot be sent keeps nothing from the webhook, nor the next one back, and is said', t => {
  const directory = scratchDirectory(t);
  const run = exampleRunner(directory, 75);
  for (let i = 0; i < 2; i++) {
    const { status, stderr, posted } = run(
      'disabled',
      { client: 'web1' },
      { MANDOS_NOTIFY_STAMPS: directory },
    );
    assert.deepEqual([status, stderr], [75, 'no mail today\n']);
    assert.notEqual(posted, '');
  }
});
