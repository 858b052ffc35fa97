import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog } from '../../common/log.js';
import { openStateStore } from '../../server/state/store.js';
import type { RunningServer } from '../../server/stop.js';
import { stopServer } from '../../server/stop.js';
import { configuredClient, endIfThere, saving, writerOf } from './state/scratch.js';

/** A server of which all has ended but what is given, and the log of its stop. */
function ending(parts: Pick<RunningServer, 'ledger' | 'store'>): { server: RunningServer; lines: string[] } {
  const lines: string[] = [];
  const nothing = async () => {};
  const server: RunningServer = {
    listener: { close: nothing, closeConnections: () => {} },
    advertiser: undefined,
    control: undefined,
    scheduler: { stop: nothing },
    log: createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'info'),
    ...parts,
  };
  return { server, lines };
}

test('a server whose disk does not answer ends all the same, and says that not all is stored', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'stop-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const store = await openStateStore(directory);
  const writer = writerOf(process);
  t.after(() => endIfThere(writer));
  process.kill(writer, 'SIGSTOP');
  const flush = async () => {
    await store.write(saving(configuredClient('a')));
    return true;
  };
  const { server, lines } = ending({ ledger: { flush }, store });
  assert.equal(await stopServer(server), false);
  assert.deepEqual(lines, ['critical: the state is not stored: the disk has not answered for 5 s']);
  process.kill(writer, 'SIGCONT');
  await store.close();
});

test('what is not stored at the stop is no success, and is said', async () => {
  let isClosed = false;
  const store = {
    close: async () => {
      isClosed = true;
    },
  };
  const failing = ending({ ledger: { flush: async () => false }, store });
  assert.equal(await stopServer(failing.server), false);
  assert.deepEqual(failing.lines, [
    'critical: the state is not stored: what has changed since it last was is lost',
  ]);
  assert.ok(isClosed);
  const well = ending({ ledger: { flush: async () => true }, store });
  assert.equal(await stopServer(well.server), true);
  assert.deepEqual(well.lines, []);
});
