import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { LogLevel } from '../../common/log.js';
import { createLog, LOG_LEVELS, printable } from '../../common/log.js';
import { requires } from '../support/requires.js';

function recorder() {
  const lines: string[] = [];
  return { lines, sink: { write: (level: LogLevel, line: string) => lines.push(`${level}: ${line}`) } };
}

test('a log passes on its level and more severe ones', () => {
  for (const [i, level] of LOG_LEVELS.entries()) {
    const { lines, sink } = recorder();
    const log = createLog(sink, level);
    for (const each of LOG_LEVELS) log[each]('text');
    assert.deepEqual(
      lines,
      LOG_LEVELS.slice(0, i + 1).map(each => `${each}: text`),
    );
    for (const [j, each] of LOG_LEVELS.entries()) assert.equal(log.isEnabled(each), j <= i);
  }
});

test('the level can change at run time', () => {
  const { lines, sink } = recorder();
  let level: LogLevel = 'error';
  const log = createLog(sink, () => level);
  log.debug('before');
  level = 'debug';
  log.debug('after');
  assert.deepEqual(lines, ['debug: after']);
});

test('no message can forge a line or speak to the terminal', () => {
  const { lines, sink } = recorder();
  createLog(sink, 'info').info('client "x\nmandos: error: forged\x1b]0;title\x07"');
  assert.deepEqual(lines, ['info: client "x\\x0amandos: error: forged\\x1b]0;title\\x07"']);
});

test('printable shows control characters by their number, and leaves all other text alone', () => {
  assert.equal(printable('\0\t\r\n\x7f\x9b'), '\\x00\\x09\\x0d\\x0a\\x7f\\x9b');
  assert.equal(printable('\u202eevil\u2066\u2028'), '\\u202eevil\\u2066\\u2028');
  const text = 'Grüße, 日本語, 🔑 ~!\\x00';
  assert.equal(printable(text), text);
});

const LOG_MODULE = new URL('../../common/log.js', import.meta.url).href;
const SCRIPT = `import(${JSON.stringify(LOG_MODULE)}).then(({ createLog, standardErrorSink }) => {
  const log = createLog(standardErrorSink('mandos'), 'info');
  log.error('it failed'); log.info('it works'); log.debug('unseen');
});`;

test('standard error gets plain lines with the program and the level, but no level for information', () => {
  const { stderr, stdout } = spawnSync(process.execPath, ['-e', SCRIPT], { encoding: 'utf8' });
  assert.equal(stderr, 'mandos: error: it failed\nmandos: it works\n');
  assert.equal(stdout, '');
});

test('on a terminal the lines have colours, unless NO_COLOR is set', requires('script'), () => {
  const command = `'${process.execPath}' -e '${SCRIPT.replaceAll("'", `'\\''`)}'`;
  const onTerminal = (env: NodeJS.ProcessEnv) =>
    execFileSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NO_COLOR: undefined, ...env },
    });
  assert.equal(onTerminal({}), 'mandos: \x1b[31merror: it failed\x1b[0m\r\nmandos: it works\r\n');
  assert.equal(onTerminal({ NO_COLOR: '1' }), 'mandos: error: it failed\r\nmandos: it works\r\n');
});
