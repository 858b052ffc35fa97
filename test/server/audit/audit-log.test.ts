import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { makeFile } from '../../../server/audit/audit-file.js';
import { openAuditLog } from '../../../server/audit/audit-log.js';
import { requires } from '../../support/requires.js';
import { recorder } from '../checker/recorder.js';
import { NO_VERDICTS, NOW_MS, numbered, numberedUnknown, VERDICTS } from './sample-events.js';

const nowMs = () => NOW_MS;

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'audit-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(t: TestContext, path: string) {
  const { log, lines } = recorder();
  const audit = openAuditLog(path, log, nowMs);
  t.after(() => audit.close());
  return { audit, lines };
}

const readLines = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const parse = (line: string) => JSON.parse(line) as Record<string, unknown>;
/** The numbers of numbered(), in the order of the file. */
const numbersIn = (path: string) => readLines(path).map(line => Number(parse(line)['reason']));

/** Sequence of integers, the end not included. */
const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

test('each verdict is a line of JSON, in the file when record returns; what else happens is not in it', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit } = open(t, path);
  for (const [i, event] of VERDICTS.entries()) {
    audit.record(event);
    assert.equal(readLines(path).length, i + 1);
  }
  for (const event of NO_VERDICTS) audit.record(event);
  const events = readLines(path).map(line => parse(line)['event']);
  assert.deepEqual(events, [
    'released',
    'release_interrupted',
    'refused',
    'impostor',
    'approval_needed',
    'approved',
    'denied',
    'enabled',
    'disabled',
    'added',
    'removed',
    'settings_changed',
  ]);
});

test('a new file is for its owner only; one that is there keeps its mode and its records', t => {
  const directory = temporaryDirectory(t);
  const made = join(directory, 'made.json');
  open(t, made).audit.record(numbered(1));
  assert.equal(statSync(made).mode & 0o777, 0o600);

  const found = join(directory, 'found.json');
  writeFileSync(found, '{"reason":"0"}\n');
  chmodSync(found, 0o640);
  open(t, found).audit.record(numbered(1));
  assert.equal(statSync(found).mode & 0o777, 0o640);
  assert.deepEqual(numbersIn(found), [0, 1]);
});

test(
  'a file that root makes belongs to whom it is told, one that is there to whom it did',
  requires('root'),
  t => {
    const directory = temporaryDirectory(t);
    const [made, found] = [join(directory, 'made.json'), join(directory, 'found.json')];
    writeFileSync(found, '');
    for (const path of [made, found]) {
      const audit = openAuditLog(path, recorder().log, nowMs, { uid: 65_534, gid: 65_533 });
      t.after(() => audit.close());
    }
    const { uid, gid } = statSync(made);
    assert.deepEqual([uid, gid, statSync(found).uid], [65_534, 65_533, 0]);
  },
);

test(
  'what another puts in the place of a file that is about to be made is neither followed nor given away',
  requires('root'),
  t => {
    const directory = temporaryDirectory(t);
    const at = (name: string) => join(directory, name);
    const [found, link, target] = [at('found'), at('link'), at('target')];
    writeFileSync(found, '');
    symlinkSync(target, link);
    for (const path of [found, link]) assert.equal(makeFile(path, { uid: 65_534, gid: 65_533 }), undefined);
    assert.equal(statSync(found).uid, 0);
    assert.equal(existsSync(target), false);
  },
);

test('checkers do not inherit the file', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  open(t, path);
  const descriptors = readdirSync('/proc/self/fd').filter(fd => {
    const link = `/proc/self/fd/${fd}`;
    return existsSync(link) && readlinkSync(link) === path;
  });
  assert.equal(descriptors.length, 1);
  const O_CLOEXEC = 0o2000000;
  const O_APPEND = 0o2000;
  const info = readFileSync(`/proc/self/fdinfo/${descriptors[0]}`, 'utf8');
  const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8);
  assert.equal(flags & (O_CLOEXEC | O_APPEND), O_CLOEXEC | O_APPEND);
});

test('what cannot be an audit log is said at the start', t => {
  const directory = temporaryDirectory(t);
  const at = (name: string) => join(directory, name);
  mkdirSync(at('directory'));
  symlinkSync('elsewhere', at('link'));
  writeFileSync(at('file'), '');
  execFileSync('mkfifo', [at('fifo')]);
  const cases = [
    ['directory', /directory: .* is a directory \(give the path of a file in it\)$/],
    ['link', /link: .* is a symbolic link/],
    ['missing/audit.json', /audit\.json: .* its directory does not exist$/],
    ['file/audit.json', /audit\.json: .* not a directory$/],
    ['fifo', /fifo: .* is not a file$/],
  ] as const;
  for (const [name, message] of cases) {
    assert.throws(() => openAuditLog(at(name), recorder().log, nowMs), { code: 'AUDIT_LOG', message }, name);
  }
  assert.throws(() => openAuditLog('/dev/null', recorder().log, nowMs), { code: 'AUDIT_LOG' });
});

test('that it may not be made is said at the start', requires('root'), t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  process.seteuid?.(65_534);
  try {
    assert.throws(() => openAuditLog(path, recorder().log, nowMs), {
      code: 'AUDIT_LOG',
      message: `${path}: the audit log cannot be opened: permission denied`,
    });
  } finally {
    process.seteuid?.(0);
  }
});

test('a line that a power failure has cut off is not continued', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  writeFileSync(path, '{"event":"rel');
  const { audit } = open(t, path);
  audit.record(numbered(1));
  audit.record(numbered(2));
  const [torn, ...whole] = readLines(path);
  assert.equal(torn, '{"event":"rel');
  assert.deepEqual(
    whole.map(line => parse(line)['reason']),
    ['1', '2'],
  );
});

test('a copy that is truncated, as copytruncate does, goes on from its beginning', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit } = open(t, path);
  audit.record(numbered(1));
  truncateSync(path);
  audit.record(numbered(2));
  assert.deepEqual(numbersIn(path), [2]);
});

test('after a rename, reopen goes on in a new file; without one, in the same', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit, lines } = open(t, path);
  audit.record(numbered(1));
  audit.reopen();
  audit.record(numbered(2));
  renameSync(path, `${path}.1`);
  audit.record(numbered(3));
  assert.ok(!existsSync(path));
  audit.reopen();
  audit.record(numbered(4));
  assert.deepEqual(numbersIn(`${path}.1`), [1, 2, 3]);
  assert.deepEqual(numbersIn(path), [4]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(lines, []);
});

test('reopen can go on in another file', t => {
  const directory = temporaryDirectory(t);
  const [first, second] = [join(directory, 'first'), join(directory, 'second')];
  const { audit } = open(t, first);
  audit.record(numbered(1));
  audit.reopen(second);
  audit.record(numbered(2));
  audit.reopen();
  audit.record(numbered(3));
  assert.deepEqual(numbersIn(first), [1]);
  assert.deepEqual(numbersIn(second), [2, 3]);
});

test('when the file cannot be opened anew, the old one is kept, and the log says so', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit, lines } = open(t, path);
  renameSync(path, `${path}.1`);
  mkdirSync(path);
  audit.reopen();
  audit.record(numbered(1));
  assert.deepEqual(numbersIn(`${path}.1`), [1]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^error: .*audit\.json: .* is a directory .*; going on in the file that was /);
  // What stood in the way is removed: the next SIGHUP mends it.
  rmSync(path, { recursive: true });
  audit.reopen();
  audit.record(numbered(2));
  assert.deepEqual(numbersIn(path), [2]);
});

test('while it is rotated again and again, no record is lost, doubled, torn or in the wrong order', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit, lines } = open(t, path);
  const ROTATIONS = 20;
  const RECORDS_EACH = 300;
  let number = 0;
  for (let rotation = 0; rotation < ROTATIONS; rotation++) {
    for (let i = 0; i < RECORDS_EACH; i++) {
      audit.record(numbered(number++));
      // logrotate renames first, and its signal comes some records later.
      if (i === RECORDS_EACH / 2) renameSync(path, `${path}.${rotation}`);
    }
    audit.reopen();
  }
  const files = range(0, ROTATIONS).map(rotation => `${path}.${rotation}`);
  assert.deepEqual([...files, path].flatMap(numbersIn), range(0, number));
  assert.deepEqual(numbersIn(path), []);
  assert.deepEqual(lines, []);
});

test("other writers' lines and the server's stay apart", t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { audit } = open(t, path);
  const others = range(0, 50).map(number => number + 1000);
  for (const [i, other] of others.entries()) {
    audit.record(numbered(i));
    appendFileSync(path, `{"reason":"${other}"}\n`);
  }
  assert.deepEqual(
    numbersIn(path),
    others.flatMap((other, i) => [i, other]),
  );
});

test('strangers cannot fill the disk: what is over a rate is counted, and clients have all their records', t => {
  const path = join(temporaryDirectory(t), 'audit.json');
  const { log, lines } = recorder();
  let passedMs = 0;
  const audit = openAuditLog(
    path,
    log,
    () => NOW_MS + passedMs,
    undefined,
    () => passedMs,
  );
  t.after(() => audit.close());
  const written = () =>
    readLines(path).map(line => {
      const { event, reason, count, since } = parse(line);
      return event === 'omitted' ? `${String(count)} since ${String(since)}` : Number(reason);
    });
  for (let i = 0; i < 500; i++) audit.record(numberedUnknown(i));
  assert.deepEqual(written(), range(0, 100));
  const since = new Date(NOW_MS).toISOString();
  for (let i = 1000; i < 1200; i++) audit.record(numbered(i));
  assert.deepEqual(written().slice(100), [`400 since ${since}`, ...range(1000, 1200)]);
  passedMs = 2000;
  for (let i = 2000; i < 2010; i++) audit.record(numberedUnknown(i));
  assert.deepEqual(written().slice(301), [2000, 2001]);
  audit.close();
  assert.deepEqual(written().slice(303), [`8 since ${new Date(NOW_MS + 2000).toISOString()}`]);
  assert.deepEqual(lines, []);
});

test('after close nothing is written, least of all into a file that has its descriptor now', t => {
  const directory = temporaryDirectory(t);
  const [path, other] = [join(directory, 'audit.json'), join(directory, 'other')];
  const { audit } = open(t, path);
  audit.close();
  const fd = openSync(other, 'w');
  t.after(() => closeSync(fd));
  audit.record(numbered(1));
  audit.reopen();
  audit.close();
  writeSync(fd, 'ours');
  assert.equal(readFileSync(other, 'utf8'), 'ours');
  assert.equal(readFileSync(path, 'utf8'), '');
});
