import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as turn } from 'node:timers/promises';
import { runHook } from '../../../server/alerts/run-hook.js';
import {
  disabled,
  hookDirectory,
  namedClient,
  NOW_MS,
  refused,
  released,
  SECRET,
  startAlerts,
  unknownKey,
} from './scene.js';

const ALERT = { event: 'released', client: 'a', members: { event: 'released' } };
const NEVER = new AbortController().signal;

/** Whether a process exists: one that has ended and is not waited for does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a hook gets the name as its argument, one line of JSON on standard input, and little else', async t => {
  process.env['MANDOS_TEST_VARIABLE'] = 'x';
  t.after(() => delete process.env['MANDOS_TEST_VARIABLE']);
  const { hook, written } = hookDirectory(t);
  const path = hook(
    'tell',
    '{ echo "$#:$1"; pwd; env | sort | tr "\\n" " "; echo; cat; } >>"$output"; echo end >>"$output"',
  );
  const { alerts, loud } = startAlerts(t, path);
  alerts.hear(released('web1', 3));
  const [argument, directory, environment = '', json = ''] = await written(5);
  assert.equal(argument, '1:released');
  assert.equal(directory, '/');
  const names = environment.split(' ').map(each => each.split('=')[0]);
  assert.deepEqual(
    names.filter(name => !['PWD', 'OLDPWD', 'SHLVL', '_', ''].includes(name ?? '')),
    ['LANG', 'PATH'],
  );
  assert.deepEqual(JSON.parse(json), {
    time: new Date(NOW_MS).toISOString(),
    event: 'released',
    client: 'web1',
    key_id: 'AB'.repeat(32),
    address: '192.0.2.7',
    port: 40_001,
    releases: 3,
  });
  await alerts.stop();
  assert.deepEqual(alerts.counts, { delivered: 1, failed: 0, dropped: 0 });
  assert.deepEqual(loud(), []);
});

test('all hooks of a directory hear of an event, one after the other', async t => {
  const { directory, hook, written } = hookDirectory(t);
  for (const name of ['b', 'a', 'c'])
    hook(name, `echo ${name} begin >>"$output"; echo ${name} end >>"$output"`);
  startAlerts(t, directory).alerts.hear(released('web1'));
  assert.deepEqual(
    await written(6),
    ['a', 'b', 'c'].flatMap(name => [`${name} begin`, `${name} end`]),
  );
});

test('a hook that fails is said with its last words, and others of the same kind are counted', async t => {
  const { hook, written } = hookDirectory(t);
  const path = hook('fail', 'echo first; echo "no route to $1" >&2; echo done >>"$output"; exit 3');
  const { alerts, lines, loud } = startAlerts(t, path);
  alerts.hear(released('web1'));
  await written(1);
  for (const name of ['web2', 'web3', 'web4']) alerts.hear(disabled(name));
  await written(4);
  await alerts.stop();
  assert.equal(loud().length, 2);
  assert.match(loud()[0] ?? '', /^warning: .*\/fail: released of web1: exit status 3: no route to released$/);
  assert.match(loud()[1] ?? '', /of web\d: exit status 3: .* \(and 2 other failures of hooks before it\)$/);
  assert.ok(lines.some(line => line.startsWith('debug: ') && line.endsWith('fail: released of web1: first')));
  assert.deepEqual(alerts.counts, { delivered: 0, failed: 4, dropped: 0 });
});

test('a hook that hangs is ended when its time is over', async t => {
  const { hook } = hookDirectory(t);
  const { problem } = await runHook(hook('hang', 'sleep 1000'), ALERT, NEVER, 300);
  assert.equal(problem, 'it did not end within 0.3 s');
});

test('a hook that is ended takes its children with it, whatever they do about it', async t => {
  const { hook, written } = hookDirectory(t);
  const path = hook(
    'hang',
    'trap "" TERM; sleep 1000 & echo $! >>"$output"; echo $$ >>"$output"; while :; do wait; done',
  );
  const stop = new AbortController();
  const ended = runHook(path, ALERT, stop.signal);
  const pids = (await written(2)).map(Number);
  stop.abort();
  assert.equal((await ended).problem, 'the server stops');
  // Killed, and soon gone: init waits for those that are not ours.
  for (const pid of pids) while (isAlive(pid)) await turn(10);
});

test('a hook that writes without end is heard of in a few lines, and ends', async t => {
  const { hook } = hookDirectory(t);
  const { problem, output } = await runHook(hook('talk', 'exec yes talk'), ALERT, NEVER);
  assert.equal(problem, 'ended by signal SIGPIPE');
  const chars = output.join('\n').length;
  assert.ok(chars > 1000 && chars <= 4096, `${chars} characters`);
});

test('a hook can open its standard input and output by their names', async t => {
  const { hook } = hookDirectory(t);
  const path = hook('named', 'cat /dev/stdin >/dev/stderr; echo out >/dev/stdout');
  assert.deepEqual(await runHook(path, ALERT, NEVER), {
    problem: undefined,
    output: ['{"event":"released"}', 'out'],
  });
});

test('a hook that reads nothing, has much to say or cannot be started is no trouble', async t => {
  const { hook } = hookDirectory(t);
  const big = { ...ALERT, members: { reason: 'x'.repeat(1024 * 1024) } };
  assert.equal((await runHook(hook('deaf', 'exit 0'), big, NEVER)).problem, undefined);
  const much = hook('much', 'head -c 500000 /dev/zero | tr "\\0" "x"');
  assert.equal((await runHook(much, ALERT, NEVER)).problem, undefined);
  assert.match(
    (await runHook('/nonexistent', ALERT, NEVER)).problem ?? '',
    /^cannot be run: spawn \/nonexistent: no such file/,
  );
});

test('what a hook leaves in the background does not hold up the next event', async t => {
  const { hook, written } = hookDirectory(t);
  const { alerts } = startAlerts(t, hook('fork', 'sleep 1000 & echo $! >>"$output"'));
  alerts.hear(released('web1', 1));
  alerts.hear(released('web1', 2));
  const pids = (await written(2)).map(Number);
  t.after(() => pids.forEach(pid => process.kill(pid, 'SIGKILL')));
  await alerts.stop();
  assert.equal(alerts.counts.delivered, 2);
  assert.deepEqual(pids.map(isAlive), [true, true]);
});

test('a missing hook is said once, and said again when it was there meanwhile', async t => {
  const { directory, hook, written } = hookDirectory(t);
  const path = join(directory, 'late');
  const { alerts, loud } = startAlerts(t, path);
  const isMissing = /^error: on_event: .*late: no such file or directory: nobody hears of events$/;
  /** Of one client: events are over in their order. */
  const failed = async (count: number) => {
    alerts.hear(disabled('a'));
    while (alerts.counts.failed < count) await turn();
  };
  await failed(1);
  await failed(2);
  assert.equal(loud().length, 1);
  assert.match(loud()[0] ?? '', isMissing);
  hook('late', 'rm "$0"; echo "$1" >>"$output"');
  alerts.hear(released('a'));
  await written(1);
  await failed(3);
  assert.equal(loud().length, 2);
  assert.match(loud()[1] ?? '', isMissing);
});

test('a flood of unknown keys is one alert in a while with their number, and keeps no other from being told', async t => {
  const { hook, written } = hookDirectory(t);
  const { alerts } = startAlerts(t, hook('tell', 'cat >>"$output"'));
  for (let i = 0; i < 50_000; i++) alerts.hear(unknownKey(i.toString(16).padStart(64, '0')));
  alerts.hear(disabled('web1'));
  const first = (await written(2)).map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(new Set(first.map(({ event }) => event)), new Set(['unknown_key', 'disabled']));
  assert.equal(first.find(({ event }) => event === 'unknown_key')?.['count'], 1);
  await alerts.stop();
  const all = (await written(3)).map(line => JSON.parse(line) as Record<string, unknown>);
  const last = all.at(-1);
  assert.equal(all.length, 3);
  assert.deepEqual([last?.['event'], last?.['count'], last?.['client']], ['unknown_key', 49_999, null]);
  assert.equal(last?.['key_id'], (49_999).toString(16).toUpperCase().padStart(64, '0'));
});

test('a flood of refusals of a client is one alert in a while for each reason, with their number', async t => {
  const { hook, written } = hookDirectory(t);
  const { alerts } = startAlerts(t, hook('tell', 'cat >>"$output"'));
  for (let i = 0; i < 1000; i++) {
    alerts.hear(refused('web1'));
    alerts.hear(refused('web1', 'disabled'));
  }
  alerts.hear(refused('web2'));
  alerts.hear(released('web1'));
  await written(4);
  await alerts.stop();
  const said = (await written(6)).map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(said.map(({ client, code, count }) => [client, code, count].join(' ')).toSorted(), [
    'web1  ',
    'web1 denied 1',
    'web1 denied 999',
    'web1 disabled 1',
    'web1 disabled 999',
    'web2 denied 1',
  ]);
  assert.equal(alerts.counts.dropped, 0);
});

test('10,000 clients that are disabled at once are all told, or counted and said to be dropped', async t => {
  const { hook } = hookDirectory(t);
  const { alerts, loud } = startAlerts(t, hook('hang', 'sleep 1000'));
  for (let i = 0; i < 12_000; i++) alerts.hear(disabled(`client${i}`));
  assert.match(
    loud()[0] ?? '',
    /^error: on_event: hooks are too slow: 1 event dropped, the last: disabled of client100/,
  );
  const { dropped } = alerts.counts;
  assert.ok(dropped >= 1_990 && dropped <= 2_000, `${dropped}`);
  await alerts.stop();
  assert.match(loud()[1] ?? '', /^warning: on_event: 10000 events not delivered: the server stops$/);
  assert.match(loud().at(-1) ?? '', new RegExp(`hooks are too slow: ${dropped - 1} events dropped`));
});

test('a stop lets hooks that are about to end do so, and ends the others', async t => {
  const { hook, written, lines } = hookDirectory(t);
  const { alerts } = startAlerts(
    t,
    hook(
      'some',
      'json=$(cat); case $json in *quick*) ;; *) echo "pid $$" >>"$output"; sleep 1000;; esac; echo done >>"$output"',
    ),
  );
  alerts.hear(disabled('slow'));
  await written(1);
  alerts.hear(disabled('quick'));
  await written(2);
  await alerts.stop();
  const [pid] = lines().flatMap(line => /^pid (\d+)$/.exec(line)?.[1] ?? []);
  assert.equal(isAlive(Number(pid)), false);
  assert.equal(lines().filter(line => line === 'done').length, 1);
  alerts.hear(disabled('late'));
  assert.equal(lines().length, 2);
});

test('without on_event nothing is run; a reload switches it on and off', async t => {
  const { hook, written, lines } = hookDirectory(t);
  const path = hook('tell', 'echo "$1" >>"$output"');
  const { alerts, setPath } = startAlerts(t, undefined);
  alerts.started({});
  alerts.hear(released('a'));
  setPath(path);
  alerts.hear(disabled('a'));
  assert.deepEqual(await written(1), ['disabled']);
  setPath(undefined);
  alerts.hear(released('a'));
  await alerts.stop();
  assert.deepEqual(lines(), ['disabled']);
});

test('a hook gets nothing secret', async t => {
  const { hook, written } = hookDirectory(t);
  const { alerts } = startAlerts(t, hook('tell', '{ cat; env; } >"$output.new"; mv "$output.new" "$output"'));
  alerts.hear(released('web1'));
  const text = (await written(1)).join('\n');
  assert.ok(namedClient('web1').settings.secret.length > 0);
  for (const form of [SECRET, Buffer.from(SECRET).toString('base64')]) assert.ok(!text.includes(form));
});
