import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { InterfaceChoice } from './interfaces.js';
import { chooseInterfaces, isReady } from './interfaces.js';

/**
 * Why the chosen interfaces cannot be used yet: a line for each, or one line when there is none at all. Nothing when
 * at least one can be used and all that were asked for by name are there.
 */
export function describeNotReady(interfaces: readonly NetworkInterface[], choice: InterfaceChoice): string[] {
  const chosen = chooseInterfaces(interfaces, choice);
  const missing = choice.names.filter(name => !chosen.some(nic => nic.name === name));
  const lines = missing.map(name => `interface ${name} does not exist (yet)`);
  const waiting = chosen.filter(nic => !isReady(nic));
  // Without names, interfaces that nobody asked for may well be without a cable.
  if (choice.names.length > 0 || waiting.length === chosen.length) lines.push(...waiting.map(describe));
  // A given server may be reached another way, such as the loopback interface or a tunnel.
  const hasOther = choice.direct && interfaces.some(({ running }) => running);
  if (chosen.length === 0 && missing.length === 0 && !hasOther) {
    lines.push('there is no suitable network interface');
  }
  return lines;
}

function describe(nic: NetworkInterface): string {
  const { name, up, running } = nic;
  if (!up) return `interface ${name} is down`;
  if (!running) return `interface ${name} has no carrier`;
  return `interface ${name} has no address that can be used yet`;
}
