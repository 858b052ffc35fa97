import type { MirrorState } from '../mirror/mirror.js';
import { clean } from './cells.js';
import { lastKnown, noteDeparted } from './departed.js';
import { forgetClients, recordEvents, recordLine } from './journal.js';
import type { Action } from './keys.js';
import { actionOf } from './keys.js';
import { layOut } from './layout.js';
import { SORT_KEYS } from './listing.js';
import type { Effect, Input, Message, Model } from './model.js';
import { isLive, listing } from './model.js';
import { pressMouse } from './mouse.js';
import { moved, moveLog, moveSelection, select, settle } from './movement.js';
import { mustAsk, requestFor } from './requests.js';

/** How long one reads what the last key did. */
const NOTICE_MS = 5_000;

/** What one types to find a client. */
const FILTER_LIMIT = 100;

export interface Update {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

/** What a screen is after a message. Pure. @param nowMs milliseconds since the Unix epoch */
export function update(before: Model, message: Message, nowMs: number): Update {
  const { model, effects } = take({ ...before, nowMs }, message);
  return { model: settle(before, model), effects };
}

const unchanged = (model: Model, ...effects: Effect[]): Update => ({ model, effects });

function take(model: Model, message: Message): Update {
  switch (message.kind) {
    case 'key':
      return takeKey(dismissNotice(model), message.key);
    case 'mouse':
      return takeMouse(dismissNotice(model), message);
    case 'resize':
      return unchanged({ ...model, size: message.size }, { kind: 'redraw' });
    case 'tick':
      return unchanged(model.notice && model.notice.untilMs <= model.nowMs ? dismissNotice(model) : model);
    case 'mirror':
      return takeMirror(model, message.state);
    case 'events':
      return unchanged({ ...model, journal: recordEvents(model.journal, message.events) });
    case 'done':
      return unchanged(notify(model, message.text));
    case 'failed': {
      const text = clean(message.text);
      return unchanged({
        ...notify(model, text, true),
        journal: recordLine(model.journal, { atMs: model.nowMs, text, look: 'bad' }),
      });
    }
  }
}

function dismissNotice(model: Model): Model {
  return model.notice ? { ...model, notice: undefined } : model;
}

function notify(model: Model, text: string, isFault = false): Model {
  return { ...model, notice: { text, isFault, untilMs: model.nowMs + NOTICE_MS } };
}

/** Of a server that is gone, the last state stays. */
function takeMirror(model: Model, { status, clients }: MirrorState): Update {
  const { nowMs } = model;
  if (status.kind !== 'live') {
    if (!isLive(model)) return unchanged({ ...model, status });
    const known = lastKnown(model.clients, model.departed, nowMs);
    return unchanged({ ...model, status, clients: known, goneSinceMs: nowMs, departed: undefined });
  }
  const live: Model = {
    ...model,
    status,
    clients,
    goneSinceMs: undefined,
    departed: isLive(model) ? noteDeparted(model.departed, model.clients, clients, nowMs) : undefined,
    journal: forgetClients(model.journal, clients),
  };
  const known = new Set(isLive(model) ? listing(model).pending.map(({ path }) => path) : []);
  const isNew = listing(live).pending.some(({ path }) => !known.has(path));
  return isNew ? unchanged(live, { kind: 'bell' }) : unchanged(live);
}

function takeKey(model: Model, key: string): Update {
  if (key === 'C-c') return unchanged(model, { kind: 'quit' });
  switch (model.mode.kind) {
    case 'confirm':
      return answer(model, key);
    case 'filter':
      return typeFilter(model, key);
    case 'help':
      return moveHelp(model, model.mode.top, actionOf(key));
    case 'list': {
      const action = actionOf(key);
      return action === undefined ? unchanged(model) : act(model, action);
    }
  }
}

function answer(model: Model, key: string): Update {
  if (model.mode.kind !== 'confirm') return unchanged(model);
  const { request } = model.mode;
  const list: Model = { ...model, mode: { kind: 'list' } };
  if (key === 'y' || key === 'Y') return ask(list, { kind: 'request', request });
  return unchanged(notify(list, `did not ${request.what}`));
}

function typeFilter(model: Model, key: string): Update {
  const set = (filter: string) =>
    unchanged({ ...model, filter: filter.slice(0, FILTER_LIMIT), place: 0, selected: undefined });
  const end = { ...model, mode: { kind: 'list' } } as const;
  switch (key) {
    case 'enter':
      return unchanged(end);
    case 'escape':
      return unchanged({ ...end, filter: '' });
    case 'backspace':
    case 'C-h':
      return model.filter === '' ? unchanged(end) : set(model.filter.replace(/.$/u, ''));
    case 'C-u':
      return set('');
    case 'C-w':
      return set(model.filter.replace(/\S*\s*$/, ''));
    case 'space':
      return set(`${model.filter} `);
    case 'up':
    case 'down':
    case 'pageup':
    case 'pagedown':
      return unchanged(moveSelection(model, actionOf(key) ?? ''));
    default:
      return /^.$/u.test(key) ? set(model.filter + key) : unchanged(model);
  }
}

function moveHelp(model: Model, top: number, action: Action | undefined): Update {
  if (action === 'help' || action === 'quit' || action === 'clear-filter' || action === 'details')
    return unchanged({ ...model, mode: { kind: 'list' } });
  const next = moved(action ?? '', top, HELP_LINES, model.size.rows - 2);
  return unchanged(next === undefined ? model : { ...model, mode: { kind: 'help', top: next } });
}

/** More than the help screen has, which ends where its last line is seen. */
const HELP_LINES = 1000;

function takeMouse(model: Model, input: Input & { kind: 'mouse' }): Update {
  if (model.mode.kind === 'confirm') return answer(model, 'n');
  if (model.mode.kind === 'help')
    return input.action === 'press'
      ? unchanged({ ...model, mode: { kind: 'list' } })
      : moveHelp(model, model.mode.top, input.action === 'wheel-up' ? 'up' : 'down');
  return unchanged(pressMouse(model, input));
}

function act(model: Model, action: Action): Update {
  const { log } = model;
  switch (action) {
    case 'quit':
    case 'redraw':
    case 'suspend':
      return unchanged(model, { kind: action });
    case 'help':
      return unchanged({ ...model, mode: { kind: 'help', top: 0 } });
    case 'toggle-log':
      return unchanged({ ...model, focus: 'clients', log: { ...log, shown: !log.shown } });
    case 'switch-pane':
      return unchanged({
        ...model,
        focus: model.focus === 'clients' && layOut(model).log ? 'log' : 'clients',
      });
    case 'toggle-wrap':
      return unchanged({ ...model, log: { ...log, wrap: !log.wrap } });
    case 'toggle-verbose':
      return unchanged(
        notify(
          { ...model, log: { ...log, verbose: !log.verbose } },
          log.verbose ? 'the log is brief' : 'the log shows all checks',
        ),
      );
    case 'up':
    case 'down':
    case 'page-up':
    case 'page-down':
    case 'first':
    case 'last':
      return unchanged(
        model.focus === 'log' && layOut(model).log ? moveLog(model, action) : moveSelection(model, action),
      );
    case 'details':
      return unchanged({ ...model, details: layOut(model).details ? 'hidden' : 'shown' });
    case 'filter':
      return unchanged({
        ...model,
        mode: { kind: 'filter' },
        details: layOut(model).list ? model.details : 'hidden',
      });
    case 'clear-filter':
      return unchanged(layOut(model).list ? { ...model, filter: '' } : { ...model, details: 'hidden' });
    case 'sort': {
      const next = SORT_KEYS[(SORT_KEYS.indexOf(model.order.key) + 1) % SORT_KEYS.length] ?? 'name';
      return unchanged({ ...model, order: { key: next, descending: false } });
    }
    case 'reverse':
      return unchanged({ ...model, order: { ...model.order, descending: !model.order.descending } });
    case 'enable':
    case 'disable':
    case 'approve':
    case 'deny':
    case 'remove':
    case 'start-checker':
    case 'stop-checker':
    case 'checked-ok':
      return actOnClient(model, action);
  }
}

function actOnClient(model: Model, action: Action): Update {
  const client = model.selected === undefined ? undefined : model.clients.get(model.selected);
  const isAnswer = action === 'approve' || action === 'deny';
  const [waiting] = listing(model).pending;
  if (isAnswer && isLive(model) && client && !client.approvalPending && waiting) {
    const place = listing(model).places.get(waiting.path) ?? 0;
    const text = `${clean(client.name)} does not wait for approval, but ${clean(waiting.name)} does: again to ${action} it`;
    return unchanged(notify(select(model, place), text));
  }
  const request = client && requestFor(action, client);
  if (!request) return unchanged(notify(model, 'no client is selected', true));
  if (isLive(model) && mustAsk(action)) return unchanged({ ...model, mode: { kind: 'confirm', request } });
  return ask(model, { kind: 'request', request });
}

function ask(model: Model, effect: Effect & { kind: 'request' }): Update {
  if (isLive(model)) return unchanged(model, effect);
  return unchanged(notify(model, `cannot ${effect.request.what}: the Mandos server is not there`, true));
}
