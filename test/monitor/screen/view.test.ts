import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from '../../../common/log.js';
import { client, events, GONE, live, NOW_MS, TestScreen, waiting } from './scene.js';

const FLEET = live(
  client('web1'),
  client('web2', { lastCheckerStatus: 1, expiresMs: NOW_MS + 45_000, lastCheckedOkMs: NOW_MS - 240_000 }),
  client('old-laptop', { enabled: false, expiresMs: undefined, lastCheckedOkMs: undefined }),
  waiting('database', 30),
  client('archive', { expiresMs: NOW_MS + 3 * 86_400_000, timeoutMs: 5 * 86_400_000 }),
);

const RELEASED = events({
  kind: 'got-secret',
  path: '/clients/web1',
  name: 'web1',
  atMs: NOW_MS - 7_200_000,
});

test('80 columns have all that is asked of a row', () => {
  const screen = new TestScreen(80, 16).take(FLEET, RELEASED);
  assert.equal(
    screen.text(),
    `
 Mandos   4 enabled   1 disabled   1 failing   1 waiting               14:00:00
 1 client waits for approval: database (denial in 0:00:30)
  NAME ▲          STATE          HOST           EXPIRES         CHECK   RELEASE
? database        denial 0:30    database.exam… ━━━━━─  0:04:00      1m        -
● archive         enabled        archive.examp… ━━━━──   3d 00h      1m        -
○ old-laptop      disabled       old-laptop.ex…               -       -        -
● web1            enabled        web1.example.… ━━━━━─  0:04:00      1m       2h
! web2            failing        web2.example.… ━─────  0:00:45      4m        -



── log ─────────────────────────────────────────────────────────────────────────
2026-11-21 12:00:00  web1: received its secret


 ? help  / filter  a approve  d deny  + enable  - disable  Enter details
`.slice(1, -1),
  );
  assert.deepEqual(screen.faults(), []);
});

test('colours say what the states are', () => {
  const screen = new TestScreen(80, 16).take(FLEET);
  assert.equal(screen.look(/^failing/), 'bad');
  assert.equal(screen.look(/^disabled/), 'faint');
  assert.equal(screen.look(/^enabled/), 'good');
  assert.equal(screen.look(/^ +0:00:45/), 'bad');
  assert.equal(screen.look(/^━$/), 'bad');
  assert.equal(screen.look(/waits for approval/), 'alertBanner');
  assert.equal(screen.look(/^1 failing/), 'barBad');
  assert.equal(screen.look(/^denial/), 'selected');
  assert.equal(screen.keys('tab').look(/^denial/), 'selectedElsewhere');
  assert.equal(screen.keys('tab', 'down').look(/^denial/), 'pending');
});

test('a wide screen says what to do, and shows all properties beside the list', () => {
  const screen = new TestScreen(200, 40).take(FLEET, RELEASED);
  const text = screen.text();
  assert.match(text, /\? database +Denial in 0:00:30\. \(a\)pprove\? +database\.example\.org/);
  assert.match(text, /│ database {2}Denial in 0:00:30\. \(a\)pprove\?$/m);
  assert.match(text, /│ Checker +fping -q -- %\(host\)s$/m);
  assert.match(text, /│ Recent events$/m);
  const byDefault = live({ ...waiting('x', 3725), approvedByDefault: true });
  assert.match(screen.take(byDefault).text(), /Approval in 1:02:05\. \(d\)eny\?/);
  assert.deepEqual(screen.faults(), []);
});

test('the details are all properties of a client, and its recent events', () => {
  const screen = new TestScreen(80, 24).take(FLEET, RELEASED).keys('down', 'down', 'down', 'enter');
  assert.equal(
    screen.text().split('\n').slice(2).join('\n').replaceAll(/ +$/gm, ''),
    `
web1  enabled

Host              web1.example.org
Checker           fping -q -- %(host)s
Key ID            ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB
                  AB
Fingerprint       CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD
Object path       /clients/web1
Enabled           yes                   Last enabled      2026-11-21 13:00:00
Expires in        0:04:00               Expires           2026-11-21 14:04:00
Timeout           0:05:00               Extended timeout  0:15:00
Checker running   no                    Interval          0:02:00
Checker status    0 (success)           Last checked OK   2026-11-21 13:59:00
Approval pending  no                    Last request      -
By default        approved              Approval delay    0:00:00
Approval lasts    0:00:01               Last release      2026-11-21 12:00:00
Created           2026-11-20 14:00:00

Recent events
12:00:00  received its secret

 Enter back to the list  ? help  / filter  a approve  d deny  + enable
`.slice(1, -1),
  );
  assert.deepEqual(screen.faults(), []);
  // The keys that move lead to the next client.
  assert.match(screen.keys('up').text(), /^old-laptop {2}disabled$/m);
  assert.match(screen.keys('enter').text(), /NAME/);
});

test('why there is nothing to see is said, and what to do', () => {
  const screen = new TestScreen();
  const say = (message: Parameters<TestScreen['take']>[0]) => screen.take(message).text();
  const status = (kind: 'no-bus' | 'refused' | 'reading', problem = '') =>
    ({ kind: 'mirror', state: { status: { kind, problem }, clients: new Map() } }) as const;
  assert.match(screen.text(), /Connecting to the message bus/);
  assert.match(say(status('no-bus', 'no such file')), /no such file[^]*systemctl start dbus/);
  assert.match(say(GONE), /server is not running[^]*systemctl start mandos/);
  assert.match(say(status('reading')), /Its clients are being read/);
  assert.match(say(status('refused', 'be root')), /cannot be read[^]*be root/);
  assert.match(say(live()), /has no clients[^]*mandos-keygen/);
  assert.deepEqual(screen.faults(), []);
});

test('what has become of a server that was there is said above its last state', () => {
  const screen = new TestScreen(100).take(FLEET);
  const say = (kind: 'no-bus' | 'refused' | 'reading' | 'no-server', problem = '') =>
    screen
      .take({ kind: 'mirror', state: { status: { kind, problem }, clients: new Map() } })
      .text()
      .split('\n')[1];
  assert.match(say('no-server') ?? '', /The Mandos server is gone since 14:00:00\. Last known state/);
  assert.match(say('no-bus', 'gone away') ?? '', /No message bus since 14:00:00\..*gone away/);
  assert.match(say('reading') ?? '', /is back/);
  assert.match(say('refused', 'be root') ?? '', /cannot be read: be root/);
  assert.equal(screen.look(/4 enabled/), 'bar');
});

test('every size has lines of its width, and as many as there are rows', () => {
  for (const columns of [1, 5, 20, 40, 79, 80, 107, 129, 130, 131, 200, 300]) {
    for (const rows of [1, 2, 3, 5, 10, 24, 60]) {
      const screen = new TestScreen(columns, rows);
      const check = (what: string) => assert.deepEqual(screen.faults(), [], `${columns}x${rows} ${what}`);
      check('empty');
      screen.take(FLEET, RELEASED, live(waiting('\u6771\u4eac'), client('x'.repeat(300))));
      check('list');
      for (const keys of [
        ['down'],
        ['enter'],
        ['escape'],
        ['?'],
        ['f'],
        ['?'],
        ['/', 'z'],
        ['escape'],
        ['R'],
        ['n'],
      ])
        check((screen.keys(...keys), keys.join(' ')));
      screen.take(GONE);
      check('gone');
    }
  }
});

test('the help screen can be scrolled to its end', () => {
  const screen = new TestScreen(80, 24).take(FLEET).keys('?');
  assert.match(screen.text(), /^ Global keys$/m);
  assert.doesNotMatch(screen.text(), /Scroll the list or the log/);
  screen.keys('end');
  assert.match(screen.text(), /Scroll the list or the log\n/);
  assert.match(screen.keys('up').text(), /Click/);
  assert.match(screen.keys('?').text(), /NAME/);
});

test('text from a server cannot speak to the terminal', () => {
  const evil = client('evil', { name: '\x1b]0;x\x07', host: '\x1b[2J', checker: '\x9b31m\n' });
  const screen = new TestScreen(200, 60).take(
    live(evil, waiting('\x1b[31m')),
    events({ kind: 'rejected', path: evil.path, name: evil.name, reason: '\x1b[H', atMs: NOW_MS }),
    { kind: 'failed', text: '\x1b[5m' },
  );
  for (const keys of ['down', 'R', 'n', '/']) {
    const lines = screen.keys(keys).text().split('\n');
    assert.deepEqual(lines, lines.map(printable));
  }
  assert.deepEqual(screen.faults(), []);
});
