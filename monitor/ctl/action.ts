import type { WritableProperty } from '../mirror/mandos-names.js';
import { callClient, callServer, setProperty } from '../mirror/server-calls.js';
import type { Caller } from '../mirror/server-calls.js';

/** One thing that is done to a client. */
export type Action =
  | {
      readonly kind: 'set';
      readonly property: Exclude<WritableProperty, 'Secret'>;
      /** Durations in milliseconds. */
      readonly value: string | boolean | number;
    }
  /** Its value is handed over apart from what may be shown. */
  | { readonly kind: 'secret' }
  | { readonly kind: 'approve'; readonly approve: boolean }
  | { readonly kind: 'remove' };

/** @throws MandosError: one line for people, without the client's name */
export async function performAction(
  bus: Caller,
  path: string,
  action: Action,
  secret: Uint8Array,
): Promise<void> {
  switch (action.kind) {
    case 'set':
      await setProperty(bus, path, action.property, action.value);
      return;
    case 'secret':
      await setProperty(bus, path, 'Secret', secret);
      return;
    case 'approve':
      await callClient(bus, path, 'Approve', 'b', [action.approve]);
      return;
    case 'remove':
      await callServer(bus, 'RemoveClient', 'o', [path]);
      return;
  }
}

/** What an action does, to stand behind "cannot". */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case 'set':
      return DESCRIPTIONS[`${action.property}=${String(action.value)}`] ?? `set ${action.property}`;
    case 'secret':
      return 'set the secret';
    case 'approve':
      return action.approve ? 'approve its request' : 'deny its request';
    case 'remove':
      return 'remove it';
  }
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'Enabled=true': 'enable it',
  'Enabled=false': 'disable it',
  'CheckerRunning=true': 'start its checker',
  'CheckerRunning=false': 'stop its checker',
  'LastCheckedOK=': 'start its timeout again',
};
