import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runNode } from '../../support/loopback.js';
import { createLan } from '../../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import {
  CLIENTS_CONF,
  ctl,
  MANDOS_CTL,
  ORIGINAL,
  originalCtl,
  originalServer,
  SERVER_ARGS,
} from './scene.js';

test('--watch tells of events as they happen, of the server’s coming and going too', ORIGINAL, async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  await startBus(host);
  const lines = host.spawn(process.execPath, [MANDOS_CTL, '--watch']);
  await lines.waitForOutput(/the Mandos server is not running; waiting for it\n/);
  const configDirectory = writeServerConfig(host, CLIENTS_CONF);
  const { child } = await startRealMandos(host, { configDirectory, args: SERVER_ARGS });
  await lines.waitForOutput(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d the Mandos server is there, with \d clients?$/m);
  const json = host.spawn(process.execPath, [MANDOS_CTL, '--watch', '--dump-json', 'zulu']);
  await json.waitForOutput(/"event":"server-live","clients":4\}/);
  await ctl(host, ['-d', 'Alpha']);
  await ctl(host, ['-t', 'PT1M', 'zulu']);
  await ctl(host, ['--start-checker', 'db-2']);
  await ctl(host, ['-r', 'zulu']);
  await lines.waitForOutput(/ Alpha: disabled\n/);
  await lines.waitForOutput(/ zulu: timeout changed from PT5M to PT1M\n/);
  await lines.waitForOutput(/ db-2: checker started: true\n/);
  await lines.waitForOutput(/ db-2: checker succeeded: true\n/);
  await lines.waitForOutput(/ zulu: removed\n/);
  await json.waitForOutput(/"event":"client-removed","client":"zulu"\}\n/);
  const events = json.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    events.map(({ event, client }) => [event, client]),
    [
      ['server-live', undefined],
      ['property', 'zulu'],
      ['client-removed', 'zulu'],
    ],
  );
  assert.deepEqual(
    [events[1]?.['property'], events[1]?.['before'], events[1]?.['after']],
    ['Timeout', 300_000, 60_000],
  );
  child.kill();
  await lines.waitForOutput(/ the Mandos server is gone\n/);
  const from = lines.output.length;
  await startRealMandos(host, { configDirectory, args: ['--no-zeroconf', '--port=14142', '--no-restore'] });
  await lines.waitForOutput(/the Mandos server is there/, undefined, from);
  assert.equal((await lines.stop('SIGINT')).code, 0);
  assert.equal((await json.stop('SIGTERM')).code, 0);
});

test('--watch ends when nobody reads it', ORIGINAL, async t => {
  const host = await originalServer(t);
  const script = `"$0" "$1" --watch | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const watching = host.spawn('bash', ['-c', script, process.execPath, MANDOS_CTL]);
  await watching.waitForOutput(/the Mandos server is there/);
  // The first write after the reader has gone fails, once it has gone.
  const ended = new AbortController();
  void watching.exited.finally(() => ended.abort());
  for (let i = 0; i < 50 && !ended.signal.aborted; i++) await ctl(host, [i % 2 === 0 ? '-d' : '-e', 'Alpha']);
  assert.equal((await watching.waitForExit()).code, 0);
});

test('no bus, no server and no permission are each one line and status 1', ORIGINAL, async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  const fails = async (args: readonly string[], error: RegExp) => {
    const outcome = await ctl(host, args);
    assert.equal(outcome.code, 1, args.join(' '));
    assert.match(outcome.stderr, error);
    assert.equal(outcome.stderr.split('\n').length, 2);
    assert.equal(outcome.stdout, '');
  };
  await fails([], /no connection to the D-Bus message bus at .*no such file or directory/);
  await fails(['-e', '-a'], /no connection to the D-Bus message bus/);
  let check = await ctl(host, ['--check']);
  assert.match(check.stdout, /^FAILED: message bus: [^\n]*\n$/);
  assert.equal(check.code, 1);
  await startBus(host);
  await fails([], /the Mandos server is not running, or runs without D-Bus/);
  await fails(['-V', 'Alpha'], /the Mandos server is not running/);
  check = await ctl(host, ['--check']);
  assert.match(check.stdout, /^ok: message bus: .*\nFAILED: server: not running, or without D-Bus: .*\n$/);
  await startRealMandos(host, { configDirectory: writeServerConfig(host, CLIENTS_CONF), args: SERVER_ARGS });
  check = await ctl(host, ['--check']);
  assert.equal(check.code, 0);
  assert.match(check.stdout, /^ok: server: .* process \d+ of user ID \d+$/m);
  assert.match(check.stdout, /^ok: clients: 4, which can be read$/m);
  assert.match(check.stdout, /^ok: version: the original Mandos/m);
});

test(
  'a stranger is told that root or the group is needed',
  { ...ORIGINAL, ...requires('setpriv') },
  async t => {
    const host = await originalServer(t);
    const asNobody = async (...args: string[]) =>
      await host.run('setpriv', [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        MANDOS_CTL,
        ...args,
      ]);
    for (const args of [[], ['-e', 'Alpha']]) {
      const { code, stderr } = await asNobody(...args);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'mandos-ctl: error: not allowed to talk to the Mandos server: be root or a member of the group _mandos\n',
      );
    }
    const { code, stdout } = await asNobody('--check');
    assert.equal(code, 1);
    assert.match(stdout, /^FAILED: clients: not allowed/m);
  },
);

test(
  'unknown clients are all named, the likely one too, and nothing is done to the others',
  ORIGINAL,
  async t => {
    const host = await originalServer(t);
    const two = await ctl(host, ['-d', 'Alpha', 'nosuch', 'neither']);
    assert.equal(two.stderr, 'mandos-ctl: error: no such clients on the server: nosuch, neither\n');
    const near = await ctl(host, ['-d', 'Alhpa']);
    assert.equal(
      near.stderr,
      'mandos-ctl: error: no such client on the server: Alhpa (did you mean Alpha?)\n',
    );
    assert.equal((await originalCtl(host, ['-V', 'Alpha'])).code, 0);
  },
);

test('a secret is shown nowhere, and an empty one is refused', ORIGINAL, async t => {
  const host = await originalServer(t);
  const { code, stdout, stderr } = await ctl(host, ['--debug', '-s', '-', 'Alpha'], 'correct horse');
  assert.equal(code, 0);
  assert.match(stderr, /Properties\.Set\("se\.recompile\.Mandos\.Client", "Secret", <secret>\)/);
  assert.doesNotMatch(stdout + stderr, /correct|horse|99, ?111/);
  const empty = await ctl(host, ['-s', '-', 'Alpha'], '');
  assert.equal(empty.code, 2);
  assert.equal(empty.stderr, 'mandos-ctl: error: cannot use standard input as a secret: it is empty\n');
});

test('a client that the server refuses is named, and the others are gone on with', ORIGINAL, async t => {
  const host = await originalServer(t);
  // The original cannot add so much to a date.
  const { code, stderr } = await ctl(host, ['-t', 'P1000Y', '-H', 'new', 'zulu', 'Alpha']);
  assert.equal(code, 1);
  const lines = stderr.trim().split('\n');
  for (const line of lines)
    assert.match(
      line,
      /^mandos-ctl: error: (zulu|Alpha): cannot set Timeout: .*; not done either: set Host$/,
    );
  assert.equal(new Set(lines).size, lines.length);
  assert.ok(lines.length > 0);
});

test('--help, --usage and --version need no bus', async t => {
  for (const option of ['--help', '--usage', '--version']) {
    const child = runNode(t, MANDOS_CTL, [option, 'client']);
    assert.equal((await child.waitForExit()).code, 0);
    assert.equal(child.stderr, '');
    assert.match(child.stdout, /mandos-ctl/);
  }
});
