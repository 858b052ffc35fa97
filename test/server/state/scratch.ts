import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import type { StateStore } from '../../../server/state/store.js';
import { openStateStore } from '../../../server/state/store.js';
import { Child } from '../../support/child.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

export const STATE_CHILD = fileURLToPath(new URL('state-child.js', import.meta.url));

/** A new directory, removed when the test ends. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'state-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A store that is closed when the test ends, if the test has not closed it. */
export async function openStore(t: TestContext, directory: string): Promise<StateStore> {
  const store = await openStateStore(directory);
  t.after(() => store.close());
  return store;
}

/** A process with a store of its own: state-child.ts, started by `command` if one is given. */
export function startStateChild(t: TestContext, directory: string, command: readonly string[] = []): Child {
  const words = [...command, process.execPath, STATE_CHILD, directory];
  const child = new Child(words[0] ?? '', words.slice(1), { keepInputOpen: true }, 'state-child');
  t.after(() => child.stop('SIGKILL'));
  return child;
}

/** Tells a state child something, and waits for an answer that matches. */
export async function tell(child: Child, line: string, answer: RegExp): Promise<RegExpExecArray> {
  const from = child.output.length;
  child.stdin.write(`${line}\n`);
  return await child.waitForOutput(answer, undefined, from);
}

/** The process that writes for a state child, or for this process. */
export function writerOf({ pid }: { readonly pid: number | undefined }): number {
  const [writer] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return Number(writer);
}

/** Ends a process, or does nothing when it has ended. */
export function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}

/** A client as the configuration has it. */
export function configuredClient(name: string, settings: Partial<ClientSettings> = {}): Client {
  return createClient({ ...TEST_SETTINGS, name, ...settings }, 1_000, 0);
}

/** A batch of clients that are stored as they are. */
export function saving(...saved: readonly Client[]) {
  return { saved, removed: [], forgotten: [] };
}
