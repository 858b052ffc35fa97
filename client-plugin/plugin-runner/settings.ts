import { UsageError } from '../../common/cli.js';
import { NOBODY } from '../privileges.js';
import { parseId } from '../user-id.js';
import { HELPER_DIRECTORY, PLUGIN_DIRECTORY } from './options.js';

/** What is said for one plugin, or for all. */
export interface PluginSettings {
  readonly options: string[];
  readonly environment: Map<string, string>;
  isEnabled: boolean;
}

/** What plugins are run, and how. */
export interface RunnerOptions {
  pluginDirectory: string;
  helperDirectory: string;
  userId: number;
  groupId: number;
  debug: boolean;
  readonly all: PluginSettings;
  readonly plugins: Map<string, PluginSettings>;
}

export function defaultOptions(): RunnerOptions {
  return {
    pluginDirectory: PLUGIN_DIRECTORY,
    helperDirectory: HELPER_DIRECTORY,
    userId: NOBODY,
    groupId: NOBODY,
    debug: false,
    all: noSettings(),
    plugins: new Map(),
  };
}

/**
 * Adds one option to what those before it have said: of variables and switches the last one counts, options for
 * plugins add up.
 * @throws UsageError for a value that cannot be understood
 */
export function applyOption(options: RunnerOptions, name: string, value: string): void {
  switch (name) {
    case 'global-env':
      setVariable(options.all, value);
      return;
    case 'env-for': {
      const [plugin, variable] = splitPlugin(value);
      setVariable(settingsOf(options, plugin), variable);
      return;
    }
    case 'global-options':
      options.all.options.push(...value.split(','));
      return;
    case 'options-for': {
      const [plugin, words] = splitPlugin(value);
      settingsOf(options, plugin).options.push(...words.split(','));
      return;
    }
    case 'disable':
    case 'enable':
      settingsOf(options, value).isEnabled = name === 'enable';
      return;
    case 'groupid':
      options.groupId = readId(value);
      return;
    case 'userid':
      options.userId = readId(value);
      return;
    case 'plugin-dir':
      options.pluginDirectory = value;
      return;
    case 'plugin-helper-dir':
      options.helperDirectory = value;
      return;
    case 'debug':
      options.debug = true;
      return;
  }
}

/** The words that a plugin is started with: its own ones come first, as the original has them. */
export function optionsFor({ all, plugins }: RunnerOptions, plugin: string): string[] {
  return [...(plugins.get(plugin)?.options ?? []), ...all.options];
}

/** The variables that a plugin is started with: its own ones before those for all, before the inherited ones. */
export function environmentFor(
  { all, plugins, helperDirectory }: RunnerOptions,
  plugin: string,
  inherited: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return {
    ...inherited,
    ...Object.fromEntries(all.environment),
    MANDOSPLUGINHELPERDIR: helperDirectory,
    ...Object.fromEntries(plugins.get(plugin)?.environment ?? []),
  };
}

function noSettings(): PluginSettings {
  return { options: [], environment: new Map(), isEnabled: true };
}

function settingsOf({ plugins }: RunnerOptions, name: string): PluginSettings {
  if (name === '') throw new UsageError('the name of the plugin is missing');
  let settings = plugins.get(name);
  if (!settings) plugins.set(name, (settings = noSettings()));
  return settings;
}

function splitPlugin(value: string): [plugin: string, rest: string] {
  const colon = value.indexOf(':');
  if (colon < 0) throw new UsageError(`there is no colon behind the name of a plugin in "${value}"`);
  return [value.slice(0, colon), value.slice(colon + 1)];
}

function setVariable({ environment }: PluginSettings, text: string): void {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`"${text}" is not NAME=VALUE`);
  environment.set(text.slice(0, equals), text.slice(equals + 1));
}

function readId(text: string): number {
  const id = parseId(text);
  if (id === undefined) throw new UsageError(`"${text}" is not the number of a user or group`);
  return id;
}
