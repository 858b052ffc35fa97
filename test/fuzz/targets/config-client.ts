/* Files of the client: plugin-runner.conf, its options in an image's configuration, and crypttab. */
import { deepStrictEqual } from 'node:assert/strict';
import { UsageError } from '../../../common/cli.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'common/cli.js',
    'client-plugin/plugin-runner/',
    'client-plugin/check/client-words.js',
    'client-plugin/unlock/crypttab.js',
    'client-plugin/options.js',
  ],
};

export async function prepare(): Promise<Prepared> {
  const { readConfig } = await import('../../../client-plugin/plugin-runner/config-file.js');
  const { applyOption, defaultOptions } = await import('../../../client-plugin/plugin-runner/settings.js');
  const { readConfiguration } = await import('../../../client-plugin/check/client-words.js');
  const { clientOptions, PROGRAM } = await import('../../../client-plugin/options.js');
  const { parseCommandLine } = await import('../../../common/cli.js');
  const { crypttabVolumes } = await import('../../../client-plugin/unlock/crypttab.js');
  const tolerant = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  };
  const readRunner = (text: string) => {
    const options = defaultOptions();
    const faults: string[] = [];
    for (const { name, value } of readConfig(text, ({ line }, why) => faults.push(`${line}: ${why}`))) {
      tolerant(() => applyOption(options, name, value));
    }
    return { options, faults };
  };
  return {
    run(input) {
      const text = input.toString('utf8');
      deepStrictEqual(readRunner(text), readRunner(text), 'reading twice gives the same');
      readConfiguration(text);
      crypttabVolumes(input);
      tolerant(() => {
        const line = parseCommandLine(PROGRAM, text.split(/\s+/));
        if (line.kind === 'run') clientOptions(line.values);
      });
    },
  };
}
