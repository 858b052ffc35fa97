import { parseCommandLine } from '../../common/cli.js';
import { describeError } from '../../common/errors.js';
import type { KeyFileName } from '../keygen/key-files.js';
import { clientOptions, PROGRAM } from '../options.js';
import type { ClientOptions } from '../options.js';
import { readConfig } from '../plugin-runner/config-file.js';
import type { Word } from '../plugin-runner/config-file.js';
import { applyOption, defaultOptions, optionsFor } from '../plugin-runner/settings.js';
import type { Subject } from './subject.js';

const CLIENT = 'mandos-client';

/** What a plugin-runner.conf says of mandos-client. */
export interface Configuration {
  /** The words of its command line. */
  readonly words: readonly string[];
  readonly isDisabled: boolean;
  /** Where plugins are looked for. */
  readonly pluginDirectory: string;
  /** Whom they run as. */
  readonly userId: number;
  /** What the plugin runner ignores, and why. */
  readonly faults: readonly string[];
}

/** Reads a plugin-runner.conf as the plugin runner does. */
export function readConfiguration(text: string): Configuration {
  const options = defaultOptions();
  const faults: string[] = [];
  const fault = ({ text: word, line }: Word, why: string) =>
    faults.push(`line ${line}: "${word}" is ignored: ${why}`);
  for (const { name, value, place } of readConfig(text, fault)) {
    try {
      applyOption(options, name, value);
    } catch (error) {
      fault(place, describeError(error));
    }
  }
  return {
    words: optionsFor(options, CLIENT),
    isDisabled: options.plugins.get(CLIENT)?.isEnabled === false,
    pluginDirectory: options.pluginDirectory,
    userId: options.userId,
    faults,
  };
}

/** The words that mandos-client is started with by an image: with systemd there is no plugin runner. */
export function imageWords({ image, configuration }: Subject): readonly string[] {
  const file = image.tree.file('conf/conf.d/mandos/client-options');
  const [, words] = /^MANDOS_CONFIGURED_OPTIONS="([^"]*)"$/m.exec(file?.content?.toString() ?? '') ?? [];
  if (words !== undefined) return words.split(' ').filter(word => word !== '');
  return readConfiguration(configuration?.content?.toString() ?? '').words;
}

/**
 * The options that mandos-client has at boot.
 * @throws UsageError: it would not start with them
 */
export function bootOptions(subject: Subject): ClientOptions {
  const commandLine = parseCommandLine(PROGRAM, imageWords(subject));
  return clientOptions(commandLine.kind === 'run' ? commandLine.values : new Map());
}

/** Keys, and the options that name other files for them. */
const KEY_OPTIONS = [
  ['seckey.txt', 'seckey'],
  ['tls-pubkey.pem', 'tlsPubkey'],
  ['tls-privkey.pem', 'tlsPrivkey'],
] as const;

/** The key files that the options of an image name in place of the usual ones; none when they are at fault. */
export function namedKeys(subject: Subject): ReadonlyMap<KeyFileName, string> {
  let options: ClientOptions;
  try {
    options = bootOptions(subject);
  } catch {
    return new Map();
  }
  const usual = clientOptions(new Map());
  return new Map(
    KEY_OPTIONS.flatMap(([name, option]) =>
      options[option] === usual[option] ? [] : [[name, options[option]]],
    ),
  );
}

/** Which interfaces the client uses at boot, by name; all when the configuration does not say, or is at fault. */
export function isInterfaceUsed(subject: Subject): (name: string) => boolean {
  try {
    const { names } = bootOptions(subject).interfaces;
    return name => names.length === 0 || names.includes(name);
  } catch {
    return () => true;
  }
}
