/** What a key does. */
export type Action =
  | 'quit'
  | 'redraw'
  | 'help'
  | 'toggle-log'
  | 'switch-pane'
  | 'toggle-wrap'
  | 'toggle-verbose'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'suspend'
  | 'enable'
  | 'disable'
  | 'approve'
  | 'deny'
  | 'remove'
  | 'start-checker'
  | 'stop-checker'
  | 'checked-ok'
  | 'details'
  | 'filter'
  | 'clear-filter'
  | 'sort'
  | 'reverse';

export interface Binding {
  readonly action: Action;
  /** Characters, or names of keys: `C-` with Ctrl, `M-` with Meta (Alt). */
  readonly keys: readonly string[];
  readonly help: string;
}

export interface BindingGroup {
  readonly title: string;
  readonly bindings: readonly Binding[];
}

/** All keys: what is bound, shown by the help screen, and listed in mandos-monitor(8). Those of the original first. */
export const BINDINGS: readonly BindingGroup[] = [
  {
    title: 'Global keys',
    bindings: [
      { action: 'quit', keys: ['q', 'Q', 'C-c'], help: 'Quit' },
      { action: 'redraw', keys: ['C-l'], help: 'Redraw the screen' },
      { action: 'help', keys: ['?', 'f1'], help: 'Show or leave this help' },
      { action: 'toggle-log', keys: ['l', 'D'], help: 'Show or hide the log' },
      { action: 'switch-pane', keys: ['tab'], help: 'Switch between clients and log' },
      { action: 'toggle-wrap', keys: ['w', 'i'], help: 'Wrap or cut long lines of the log' },
      { action: 'toggle-verbose', keys: ['v'], help: 'Show or hide checks that went well in the log' },
      { action: 'up', keys: ['up', 'C-p', 'k'], help: 'Move up a line' },
      { action: 'down', keys: ['down', 'C-n', 'j'], help: 'Move down a line' },
      { action: 'page-up', keys: ['pageup', 'M-v', 'b'], help: 'Move up a page' },
      { action: 'page-down', keys: ['pagedown', 'C-v', 'space', 'f'], help: 'Move down a page' },
      { action: 'first', keys: ['home', 'g'], help: 'Move to the top' },
      { action: 'last', keys: ['end', 'G'], help: 'Move to the end' },
      { action: 'suspend', keys: ['C-z'], help: 'Back to the shell until "fg"' },
    ],
  },
  {
    title: 'Keys for the selected client',
    bindings: [
      { action: 'enable', keys: ['+'], help: 'Enable it' },
      { action: 'disable', keys: ['-'], help: 'Disable it (asks first)' },
      { action: 'approve', keys: ['a'], help: 'Approve its request' },
      { action: 'deny', keys: ['d'], help: 'Deny its request' },
      { action: 'remove', keys: ['R', '_', 'C-k'], help: 'Remove it from the server (asks first)' },
      { action: 'start-checker', keys: ['s'], help: 'Start a checker now' },
      { action: 'stop-checker', keys: ['S'], help: 'Stop the running checker' },
      { action: 'checked-ok', keys: ['C'], help: 'Count as checked successfully' },
      { action: 'details', keys: ['enter'], help: 'Show or hide all its properties' },
    ],
  },
  {
    title: 'Keys for the list of clients',
    bindings: [
      {
        action: 'filter',
        keys: ['/'],
        help: 'Show only clients with these words (name, host, state, key ID)',
      },
      { action: 'clear-filter', keys: ['escape'], help: 'Show all clients again' },
      { action: 'sort', keys: ['o'], help: 'Sort by the next column' },
      { action: 'reverse', keys: ['O'], help: 'Sort the other way round' },
    ],
  },
];

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  BINDINGS.flatMap(({ bindings }) =>
    bindings.flatMap(({ action, keys }) => keys.map(key => [key, action] as const)),
  ),
);

/** What a key does, or undefined. */
export function actionOf(key: string): Action | undefined {
  return ACTIONS.get(key);
}

const NAMES: Readonly<Record<string, string>> = {
  up: 'Up',
  down: 'Down',
  pageup: 'PageUp',
  pagedown: 'PageDown',
  home: 'Home',
  end: 'End',
  tab: 'Tab',
  space: 'Space',
  enter: 'Enter',
  escape: 'Esc',
  f1: 'F1',
};

/** Keys as a person reads them: `Up, Ctrl-P, k`. */
export function keyLabels(keys: readonly string[]): string {
  return keys
    .map(key => {
      const [, modifier, letter = ''] = /^([CM])-(.)$/.exec(key) ?? [];
      if (modifier === undefined) return NAMES[key] ?? key;
      return `${modifier === 'C' ? 'Ctrl' : 'Meta'}-${letter.toUpperCase()}`;
    })
    .join(', ');
}
