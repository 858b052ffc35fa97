import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LOG_LEVELS } from '../../../common/log.js';
import { syslogSink } from '../../../server/host/syslog.js';
import { createLan } from '../../support/namespace.js';
import { spawnWithSyslog, startSyslog } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import { startReceiver } from './datagram-receiver.js';
import { moduleUrl, startScript, temporaryDirectory } from './script.js';

const PYTHON = requires('python3');
const IMPORT = `import { syslogSink } from ${moduleUrl('server/host/syslog.js')};`;

test('a line goes to syslog as syslog(3) writes it, with the severity of its level', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'log');
  const receiver = await startReceiver(t, path);
  const before = new Date();
  const sink = syslogSink('mandos', path);
  for (const level of LOG_LEVELS) sink.write(level, `the ${level} line, größer`);
  const last = await receiver.waitFor(/the debug line/);
  assert.deepEqual(
    receiver.received().map(line => line.replace(/>.*: /, '> ')),
    LOG_LEVELS.map((level, i) => `<${[26, 27, 28, 30, 31][i]}> the ${level} line, größer`),
  );
  const parts = /^<31>(\w{3}) ([ \d]\d) (\d\d:\d\d:\d\d) mandos\[(\d+)\]: the debug line, größer$/.exec(last);
  assert.ok(parts, last);
  const [, month, day, clock, pid] = parts;
  assert.equal(Number(pid), process.pid);
  const written = new Date(`${month} ${Number(day)} ${before.getFullYear()} ${clock}`);
  assert.ok(written.getTime() >= before.getTime() - 1000 && written.getTime() <= Date.now(), last);
});

test('the day of the month is padded with a blank, and the time is local', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'log');
  const receiver = await startReceiver(t, path);
  startScript(
    t,
    `${IMPORT}
    const RealDate = Date;
    globalThis.Date = class extends RealDate { constructor() { super('2026-03-04T22:05:06Z'); } };
    syslogSink('mandos', ${JSON.stringify(path)}).write('info', 'text');`,
    { env: { TZ: 'Etc/GMT-3' } }, // POSIX has the sign the other way round
  );
  assert.match(await receiver.waitFor(/text/), /^<30>Mar {2}5 01:05:06 mandos\[\d+\]: text$/);
});

test('a line too long for syslogd is cut between two characters', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'log');
  const receiver = await startReceiver(t, path);
  const sink = syslogSink('mandos', path);
  // Whatever the length of the head, one of these would be cut within a character.
  for (const head of ['', 'x']) sink.write('info', `${head}${'ä'.repeat(300_000)}`);
  sink.write('info', 'next');
  await receiver.waitFor(/next/);
  const lengths = receiver.received().map(line => Buffer.byteLength(line));
  assert.deepEqual(new Set(lengths.slice(0, 2)), new Set([8191, 8192]));
  for (const line of receiver.received().slice(0, 2)) assert.match(line, /ä$/);
});

test(
  'after a restart of syslogd logging goes on, and what was logged in between arrives',
  PYTHON,
  async t => {
    const path = join(temporaryDirectory(t), 'log');
    const first = await startReceiver(t, path);
    const sink = syslogSink('mandos', path);
    sink.write('info', 'before');
    await first.waitFor(/before/);
    await first.stop();
    sink.write('info', 'without syslogd, its socket left behind');
    rmSync(path);
    sink.write('info', 'without syslogd');
    const second = await startReceiver(t, path);
    sink.write('info', 'after');
    await second.waitFor(/after/);
    assert.deepEqual(
      second.received().map(line => line.replace(/.*: /, '')),
      ['without syslogd, its socket left behind', 'without syslogd', 'after'],
    );
  },
);

test(
  'a stuck syslogd holds nothing up, and how many lines are lost is said in their place',
  PYTHON,
  async t => {
    const path = join(temporaryDirectory(t), 'log');
    const receiver = await startReceiver(t, path, true);
    const sink = syslogSink('mandos', path);
    let written = 0;
    const write = () => sink.write('info', `line ${written++}`);
    for (let i = 0; i < 20_000; i++) write();
    receiver.read();
    // Some of these come while the queue has room again, and the loss is not said yet.
    while (!receiver.received().some(line => /lost/.test(line))) {
      write();
      await setImmediate();
    }
    sink.write('info', 'the end');
    await receiver.waitFor(/the end$/);
    let next = 0;
    for (const line of receiver.received().slice(0, -1)) {
      const [, number] = / line (\d+)$/.exec(line) ?? [];
      const [, lost] = /^<28>.* (\d+) lines? of this log lost: syslog did not take them$/.exec(line) ?? [];
      if (number !== undefined) assert.equal(Number(number), next);
      next += Number(lost ?? 1);
    }
    assert.equal(next, written);
  },
);

test('lines written right before the end of the program arrive', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'log');
  const receiver = await startReceiver(t, path);
  const script = startScript(
    t,
    `${IMPORT}
    const sink = syslogSink('mandos', ${JSON.stringify(path)});
    for (let i = 0; i < 100; i++) sink.write('error', 'fault ' + i);
    process.exit(3);`,
  );
  assert.equal((await script.waitForExit()).code, 3);
  await receiver.waitFor(/fault 99$/);
  assert.equal(receiver.received().length, 100);
});

test('the last line arrives although syslogd has restarted', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'log');
  const first = await startReceiver(t, path);
  const script = startScript(
    t,
    `${IMPORT}
    const sink = syslogSink('mandos', ${JSON.stringify(path)});
    sink.write('info', 'first');
    process.stdin.once('data', () => {
      sink.write('info', 'last');
      process.exit();
    });`,
    { keepInputOpen: true },
  );
  await first.waitFor(/first/);
  await first.stop();
  const second = await startReceiver(t, path);
  script.stdin.write('\n');
  await second.waitFor(/last/);
});

test('a program ends although there is no syslogd', async t => {
  const path = join(temporaryDirectory(t), 'log');
  const script = startScript(
    t,
    `${IMPORT} syslogSink('mandos', ${JSON.stringify(path)}).write('error', 'unheard');`,
  );
  assert.equal((await script.waitForExit()).code, 0);
});

test('lines go to /dev/log by default', requires('netns', 'python3'), async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  const syslog = await startSyslog(host);
  const text = `${IMPORT} syslogSink('mandos').write('critical', 'to everybody');`;
  const child = spawnWithSyslog(host, process.execPath, ['--input-type=module', '-e', text]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  await syslog.waitForOutput(/^<26>\w{3} [ \d]\d \d\d:\d\d:\d\d mandos\[\d+\]: to everybody$/m);
});
