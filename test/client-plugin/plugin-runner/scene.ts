import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultOptions } from '../../../client-plugin/plugin-runner/settings.js';
import type { RunnerOptions } from '../../../client-plugin/plugin-runner/settings.js';
import { createLog } from '../../../common/log.js';
import type { Log } from '../../../common/log.js';
import { temporaryDirectory } from '../prompts/at-terminal.js';
import type { Cleanup } from '../prompts/at-terminal.js';

/** plugin-runner as a program. */
export const PLUGIN_RUNNER = join(
  import.meta.dirname,
  '../../../client-plugin/plugin-runner/plugin-runner.js',
);

/**
 * A directory of plugins.
 * @param scripts name to text of a shell script
 * @param own names of links to plugin-runner
 */
export function makePlugins(
  t: Cleanup,
  scripts: Readonly<Record<string, string>>,
  own: readonly string[] = [],
): string {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const plugins = join(directory, 'plugins.d');
  mkdirSync(plugins);
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(plugins, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  for (const name of own) symlinkSync(PLUGIN_RUNNER, join(plugins, name));
  return plugins;
}

/** Options for that directory, with plugins that run as the user of the test. */
export function optionsWith(pluginDirectory: string): RunnerOptions {
  const [userId = 0, groupId = 0] = [process.getuid?.(), process.getgid?.()];
  return { ...defaultOptions(), pluginDirectory, userId, groupId };
}

/** A log that keeps its lines. */
export function keptLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'debug');
  return { log, lines };
}
