import { lastValue, UsageError } from '../../common/cli.js';
import type { OptionValues } from '../../common/cli.js';
import { parseDuration } from '../../common/duration.js';
import { closestWord } from '../../common/suggest.js';
import { findLogLevel, LOG_LEVELS, printable } from '../../common/log.js';
import type { Action } from './action.js';
import { COMMANDS, EXCLUSIVE, PROGRAM } from './command-line.js';

/** Which clients are meant: those of these names, in this order, or all. */
export type Selection = { readonly names: readonly string[] } | 'all';

/** What a command line asks for. */
export type Request =
  | { readonly kind: 'list'; readonly as: 'table' | 'verbose' | 'json'; readonly names: readonly string[] }
  | { readonly kind: 'is-enabled'; readonly name: string; readonly ignored: readonly string[] }
  /** `secretFile` is to be read, and becomes an action of its own. */
  | {
      readonly kind: 'apply';
      readonly selection: Selection;
      readonly actions: readonly Action[];
      readonly secretFile?: string;
    }
  | { readonly kind: 'watch'; readonly json: boolean; readonly names: readonly string[] }
  | { readonly kind: 'add'; readonly file: string }
  | { readonly kind: 'export'; readonly selection: Selection | 'added' }
  | { readonly kind: 'reload' }
  | { readonly kind: 'log-level'; readonly level: string }
  | { readonly kind: 'check' };

/**
 * What the options ask for.
 * @param operands the names of clients
 * @throws UsageError for options that do not go together, as those of mandos-ctl(8) do not
 */
export function readRequest(values: OptionValues, operands: readonly string[]): Request {
  for (const [one, other] of EXCLUSIVE) {
    if (values.has(one) && values.has(other)) throw usage(`--${one} and --${other} exclude each other`);
  }
  const names = [...new Set(operands)];
  const command = Object.keys(COMMANDS).find(name => values.has(name));
  return command === undefined
    ? clientRequest(values, names, operands.length)
    : commandRequest(command, values, names);
}

function commandRequest(command: string, values: OptionValues, names: readonly string[]): Request {
  const allowed = COMMANDS[command] ?? [];
  const other = [...values.keys()].find(name => name !== command && !allowed.includes(name));
  if (other !== undefined) throw usage(`--${command} cannot be combined with --${other}`);
  if (names.length > 0 && command !== 'watch' && command !== 'export')
    throw usage(`--${command} takes no client names`);
  switch (command) {
    case 'watch':
      return { kind: 'watch', json: values.has('dump-json'), names };
    case 'add':
      return { kind: 'add', file: lastValue(values, 'add') ?? '' };
    case 'export':
      if (values.has('all')) return { kind: 'export', selection: 'all' };
      return { kind: 'export', selection: names.length > 0 ? { names } : 'added' };
    case 'log-level':
      return { kind: 'log-level', level: logLevel(lastValue(values, 'log-level') ?? '') };
    case 'reload':
      return { kind: 'reload' };
    default:
      return { kind: 'check' };
  }
}

function clientRequest(values: OptionValues, names: readonly string[], operandCount: number): Request {
  const actions = givenActions(values);
  const asks = values.has('is-enabled');
  const all = values.has('all');
  if (actions.length + Number(asks) > 0 && names.length === 0 && !all)
    throw usage(
      `--${asks ? 'is-enabled' : (actions[0] ?? '')} needs names of clients${asks ? '' : ', or --all'}`,
    );
  for (const view of ['verbose', 'dump-json']) {
    const other = view === 'verbose' ? 'dump-json' : 'verbose';
    if (!values.has(view)) continue;
    if (actions.length > 0 || asks || values.has(other))
      throw usage(`--${view} cannot be combined with --${actions[0] ?? (asks ? 'is-enabled' : other)}`);
  }
  if (all && actions.length + Number(asks) === 0) throw usage('--all needs an option that does something');
  const name = names[0];
  if (asks && (operandCount !== 1 || name === undefined || all))
    throw usage('--is-enabled needs exactly one client');
  if (values.has('remove')) {
    const other = actions.find(action => action !== 'remove' && action !== 'deny');
    if (other !== undefined || asks)
      throw usage(`--remove can be combined with --deny only, not with --${other ?? 'is-enabled'}`);
  }
  // Whatever is wrong with an argument is said even where the option has no effect.
  const toApply = readActions(values);
  if (asks && name !== undefined) return { kind: 'is-enabled', name, ignored: actions };
  if (actions.length === 0) {
    const as = values.has('verbose') ? 'verbose' : values.has('dump-json') ? 'json' : 'table';
    return { kind: 'list', as, names };
  }
  const secretFile = lastValue(values, 'secret');
  return {
    kind: 'apply',
    // Names count more than --all, as in the original.
    selection: names.length > 0 ? { names } : 'all',
    actions: toApply,
    ...(secretFile === undefined ? {} : { secretFile }),
  };
}

/** What each option does to a client. @throws UsageError for an argument that makes no sense */
const ACTIONS: Readonly<Record<string, (argument: string) => Action>> = {
  enable: () => ({ kind: 'set', property: 'Enabled', value: true }),
  disable: () => ({ kind: 'set', property: 'Enabled', value: false }),
  // DBUS-API: the value does not matter, and is always empty.
  'bump-timeout': () => ({ kind: 'set', property: 'LastCheckedOK', value: '' }),
  'start-checker': () => ({ kind: 'set', property: 'CheckerRunning', value: true }),
  'stop-checker': () => ({ kind: 'set', property: 'CheckerRunning', value: false }),
  checker: value => ({ kind: 'set', property: 'Checker', value }),
  timeout: text => duration('timeout', 'Timeout', text),
  'extended-timeout': text => duration('extended-timeout', 'ExtendedTimeout', text),
  interval: text => duration('interval', 'Interval', text),
  'approve-by-default': () => ({ kind: 'set', property: 'ApprovedByDefault', value: true }),
  'deny-by-default': () => ({ kind: 'set', property: 'ApprovedByDefault', value: false }),
  'approval-delay': text => duration('approval-delay', 'ApprovalDelay', text),
  'approval-duration': text => duration('approval-duration', 'ApprovalDuration', text),
  host: value => ({ kind: 'set', property: 'Host', value }),
  secret: () => ({ kind: 'secret' }),
  approve: () => ({ kind: 'approve', approve: true }),
  deny: () => ({ kind: 'approve', approve: false }),
  remove: () => ({ kind: 'remove' }),
};

/** The options that do something to clients, in the order in which they were given. */
function givenActions(values: OptionValues): string[] {
  return [...values.keys()].filter(name => name in ACTIONS);
}

/** As the original applies them: in the order given, but a removal last. Of an option given twice the last counts. */
function readActions(values: OptionValues): Action[] {
  const actions = givenActions(values).map(name => {
    const given = (values.get(name) ?? []).map(argument => ACTIONS[name]?.(argument));
    return given.at(-1);
  });
  return actions
    .filter(action => action !== undefined)
    .toSorted((a, b) => Number(a.kind === 'remove') - Number(b.kind === 'remove'));
}

function duration(option: string, property: (Action & { kind: 'set' })['property'], text: string): Action {
  return { kind: 'set', property, value: durationMs(option, text) };
}

function durationMs(option: string, text: string): number {
  const parsed = parseDuration(text);
  if ('problem' in parsed) throw usage(`--${option}: ${parsed.problem}`);
  return parsed.ms;
}

function logLevel(text: string): string {
  const level = findLogLevel(text);
  if (level !== undefined) return level;
  const near = closestWord(text.toLowerCase(), LOG_LEVELS);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  throw usage(`--log-level: "${text}" is no level (allowed: ${LOG_LEVELS.join(', ')}${hint})`);
}

function usage(text: string): UsageError {
  return new UsageError(printable(`${text} (see ${PROGRAM.name} --help)`));
}
