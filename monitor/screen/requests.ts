import type { ClientView } from '../mirror/client-view.js';
import { clean } from './cells.js';
import type { Action } from './keys.js';
import type { Request } from './model.js';

interface Recipe {
  readonly call: (path: string) => Request['call'];
  /** With `%` for the client's name, as is `done`. */
  readonly what: string;
  readonly done: string;
}

/** What keys ask of the server for a client. */
const RECIPES: Partial<Record<Action, Recipe>> = {
  enable: {
    call: path => ({ kind: 'set', path, property: 'Enabled', value: true }),
    what: 'enable %',
    done: '% is enabled',
  },
  disable: {
    call: path => ({ kind: 'set', path, property: 'Enabled', value: false }),
    what: 'disable %',
    done: '% is disabled',
  },
  'start-checker': {
    call: path => ({ kind: 'set', path, property: 'CheckerRunning', value: true }),
    what: 'start a checker for %',
    done: '%: a checker was started',
  },
  'stop-checker': {
    call: path => ({ kind: 'set', path, property: 'CheckerRunning', value: false }),
    what: 'stop the checker of %',
    done: '%: the checker is stopped',
  },
  approve: {
    call: path => ({ kind: 'method', path, member: 'Approve', approve: true }),
    what: 'approve %',
    done: '% is approved',
  },
  deny: {
    call: path => ({ kind: 'method', path, member: 'Approve', approve: false }),
    what: 'deny %',
    done: '% is denied',
  },
  'checked-ok': {
    call: path => ({ kind: 'method', path, member: 'CheckedOK' }),
    what: 'count % as checked',
    done: '% counts as checked',
  },
  remove: {
    call: path => ({ kind: 'remove', path }),
    what: 'remove % from the server',
    done: '% is removed',
  },
};

/** What a key asks of the server for a client; undefined for the keys that ask nothing. */
export function requestFor(action: Action, { path, name }: ClientView): Request | undefined {
  const recipe = RECIPES[action];
  const withName = (text: string) => text.replace('%', () => clean(name));
  return recipe && { call: recipe.call(path), what: withName(recipe.what), done: withName(recipe.done) };
}

/** Whether a key is asked about before it is done: what it does can keep a machine from booting. */
export function mustAsk(action: Action): boolean {
  return action === 'disable' || action === 'remove';
}
