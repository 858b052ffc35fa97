import { chmodSync, existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createLog } from '../../../common/log.js';
import { after } from '../../../common/timer.js';
import { Alerts } from '../../../server/alerts/alerts.js';
import type { Client } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CHECKS } from '../../../server/client/events.js';
import { scratchDirectory } from '../../support/loopback.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

export const NOW_MS = Date.UTC(2026, 2, 1, 4, 5, 6, 789);
export const PEER = { address: '192.0.2.7', port: 40_001 };
const STRANGER = 'cd'.repeat(32);
export const SECRET = 'correct horse battery staple';

export function namedClient(name: string): Client {
  return createClient({ ...TEST_SETTINGS, name, secret: Buffer.from(SECRET) }, NOW_MS, 0);
}

export function released(name: string, releases = 1): ClientEvent {
  const client = { ...namedClient(name), releases };
  return { kind: 'released', client, keyId: 'ab'.repeat(32), peer: PEER };
}

export function disabled(name: string, reason = 'because'): ClientEvent {
  return { kind: 'disabled', client: namedClient(name), by: BY_CHECKS, reason };
}

export function unknownKey(keyId = STRANGER): ClientEvent {
  const refusal = { kind: 'refuse', client: undefined, code: 'unknown', reason: 'unknown key' } as const;
  return { kind: 'refused', client: undefined, keyId, peer: PEER, refusal };
}

export function refused(name: string, code: 'disabled' | 'denied' = 'denied'): ClientEvent {
  const client = namedClient(name);
  const refusal = { kind: 'refuse', client, code, reason: code } as const;
  return { kind: 'refused', client, keyId: 'ab'.repeat(32), peer: PEER, refusal };
}

/** A directory for hooks, and where they write. */
export function hookDirectory(t: TestContext) {
  const directory = scratchDirectory(t);
  const output = join(directory, 'output.txt');
  const hook = (name: string, script: string) => {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\noutput=${output}\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const lines = () =>
    existsSync(output)
      ? readFileSync(output, 'utf8')
          .split('\n')
          .filter(line => line !== '')
      : [];
  /** Waits until the hooks have written so many lines. */
  const written = (count: number) => until(directory, () => (lines().length >= count ? lines() : undefined));
  return { directory, output, hook, lines, written };
}

/** Looks whenever something changes in a directory, until there is something. */
export async function until<T>(directory: string, look: () => T | undefined): Promise<T> {
  const found = look();
  if (found !== undefined) return found;
  return new Promise(resolve => {
    const watcher = watch(directory);
    const onChange = () => {
      const now = look();
      if (now === undefined) return;
      watcher.close();
      resolve(now);
    };
    watcher.on('change', onChange);
    onChange();
  });
}

/** Alerts with real hooks, and what they log. */
export function startAlerts(t: TestContext, path: string | undefined) {
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => void lines.push(`${level}: ${line}`) }, 'debug');
  let now = path;
  const alerts = new Alerts(() => now, log, { nowMs: () => NOW_MS, after });
  t.after(() => alerts.stop());
  const loud = () => lines.filter(line => !line.startsWith('debug'));
  const setPath = (next: string | undefined) => {
    now = next;
  };
  return { alerts, lines, loud, setPath };
}
