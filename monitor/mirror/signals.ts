import type { Signal } from '../../common/dbus/bus.js';
import { readClient } from './client-view.js';
import { CLIENT_INTERFACE, OBJECT_MANAGER, PROPERTIES, SERVER_INTERFACE } from './mandos-names.js';
import type { ServerSignal } from './mirror.js';
import { withoutVariants } from './server-calls.js';

/** Signals by interface and name, and what they say. */
const READERS: Readonly<
  Record<string, (path: string, body: readonly unknown[]) => ServerSignal | undefined>
> = {
  [`${PROPERTIES}.PropertiesChanged`]: (path, [interface_, values]) =>
    interface_ === CLIENT_INTERFACE
      ? { kind: 'properties', path, values: withoutVariants(values) }
      : undefined,
  [`${OBJECT_MANAGER}.InterfacesAdded`]: (_, [path, interfaces]) => {
    const properties = interfaces instanceof Map ? (interfaces.get(CLIENT_INTERFACE) as unknown) : undefined;
    if (properties === undefined) return undefined;
    return { kind: 'added', client: readClient(String(path), withoutVariants(properties)) };
  },
  [`${OBJECT_MANAGER}.InterfacesRemoved`]: (_, [path, interfaces]) =>
    Array.isArray(interfaces) && interfaces.includes(CLIENT_INTERFACE)
      ? { kind: 'removed', path: String(path) }
      : undefined,
  [`${SERVER_INTERFACE}.ClientRemoved`]: (_, [path]) => ({ kind: 'removed', path: String(path) }),
  [`${SERVER_INTERFACE}.ClientNotFound`]: (_, [keyId, address]) => ({
    kind: 'client-not-found',
    keyId: String(keyId),
    address: String(address),
  }),
  [`${CLIENT_INTERFACE}.CheckerStarted`]: (path, [command]) => ({
    kind: 'checker-started',
    path,
    command: String(command),
  }),
  [`${CLIENT_INTERFACE}.CheckerCompleted`]: (path, [exitStatus, waitStatus, command]) => ({
    kind: 'checker-completed',
    path,
    exitStatus: Number(exitStatus),
    waitStatus: Number(waitStatus),
    command: String(command),
  }),
  [`${CLIENT_INTERFACE}.GotSecret`]: path => ({ kind: 'got-secret', path }),
  [`${CLIENT_INTERFACE}.NeedApproval`]: (path, [timeoutMs, approvedByDefault]) => ({
    kind: 'need-approval',
    path,
    timeoutMs: Number(timeoutMs),
    approvedByDefault: approvedByDefault === true,
  }),
  [`${CLIENT_INTERFACE}.Rejected`]: (path, [reason]) => ({
    kind: 'rejected',
    path,
    reason: String(reason),
  }),
};

/**
 * What a signal of the server says, or undefined for one that says nothing new: PropertyChanged comes with
 * PropertiesChanged, ClientAdded with InterfacesAdded, and all under the interfaces' old names once more. The arguments
 * of those are not even decoded.
 */
export function readSignal(signal: Signal): ServerSignal | undefined {
  return READERS[`${signal.interface}.${signal.member}`]?.(signal.path, signal.body());
}
