/*
 * A process with a state store, which does what it is told on standard input, a line each:
 *   write COUNT VALUE    stores that many clients with VALUE as their host
 *   spawn                lists the open files of a program that it starts
 *   close
 * The answer is a line on standard output, where the store's log goes, too. Run with the state directory.
 */
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { writeSync } from 'node:fs';
import { createLog } from '../../../common/log.js';
import { createClient } from '../../../server/client/client.js';
import type { StateStore } from '../../../server/state/store.js';
import { openStateStore } from '../../../server/state/store.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

const STANDARD_OUTPUT = 1;
const [directory = ''] = process.argv.slice(2);

/** Written at once, so that what strace(1) sees is in the order in which it happens. */
function say(line: string): void {
  writeSync(STANDARD_OUTPUT, `${line}\n`);
}

async function obey(store: StateStore, line: string): Promise<void> {
  const [command, ...words] = line.split(' ');
  if (command === 'write') {
    const [count = '', host = ''] = words;
    const saved = Array.from({ length: Number(count) }, (_, i) =>
      createClient({ ...TEST_SETTINGS, name: `client${i}`, host }, 0, 0),
    );
    say('writing');
    await store.write({ saved, removed: [], forgotten: [] });
    say(`stored ${host}`);
  } else if (command === 'spawn') {
    say(`files: ${execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).replaceAll('\n', '; ')}`);
  } else if (command === 'close') {
    await store.close();
    say('closed');
  }
}

function fail(error: unknown): void {
  const { code, message } = error as { readonly code: string; readonly message: string };
  say(`failed ${code} ${message}`);
}

const log = createLog({ write: (level, line) => say(`${level}: ${line}`) }, 'info');

try {
  const store = await openStateStore(directory, log);
  const hosts = new Set(store.load().map(({ configured }) => configured?.host));
  say(`opened ${[...hosts].join(' ')}`);
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) await obey(store, line).catch(fail);
} catch (error) {
  fail(error);
}
