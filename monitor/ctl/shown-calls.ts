import type { MethodCall } from '../../common/dbus/bus.js';
import type { Caller } from '../mirror/server-calls.js';
import { json } from './dump.js';

/** Shows the calls that go over a bus. @param show gets a line for each; a secret is never in it */
export function showCalls(bus: Caller, show: (line: string) => void): Caller {
  return {
    async call(call, timeoutMs) {
      show(describeCall(call));
      return await bus.call(call, timeoutMs);
    },
  };
}

function describeCall({ destination, path, interface: interface_, member, body = [] }: MethodCall): string {
  const values = Array.isArray(body) ? body.map(describeValue).join(', ') : '…';
  return `D-Bus: ${destination}:${path}:${interface_}.${member}(${values})`;
}

/** Bytes are always a secret here. */
function describeValue(value: unknown): string {
  if (value instanceof Uint8Array) return '<secret>';
  if (value instanceof Map)
    return `{${Array.from(value, ([key, item]) => `${json(key)}: ${describeValue(item)}`).join(', ')}}`;
  if (typeof value === 'object' && value !== null && 'signature' in value && 'value' in value)
    return describeValue(value.value);
  return json(value);
}
