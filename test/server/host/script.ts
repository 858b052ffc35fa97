import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SpawnOptions } from '../../support/child.js';
import { Child } from '../../support/child.js';

/** The address of a module of this project, for an import in a script. */
export function moduleUrl(path: string): string {
  return JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
}

/** Runs a module given as text in a Node.js of its own; it is stopped when the test ends. */
export function startScript(t: TestContext, text: string, options: SpawnOptions = {}): Child {
  const child = new Child(process.execPath, ['--input-type=module', '-e', text], options, 'script');
  t.after(() => child.stop('SIGKILL'));
  return child;
}

/** A new directory, removed when the test ends. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'host-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
