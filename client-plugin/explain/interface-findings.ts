import type { Finding } from '../../common/explanation.js';
import { note, ok, problem } from '../../common/explanation.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { InterfaceChoice } from '../network/interfaces.js';
import { chooseInterfaces, isReady } from '../network/interfaces.js';

/** For each network interface whether it is used, or why it is not. What is not used is in the way when nothing is. */
export function interfaceFindings(
  interfaces: readonly NetworkInterface[],
  choice: InterfaceChoice,
): Finding[] {
  const chosen = chooseInterfaces(interfaces, choice);
  const missing = choice.names.filter(name => !interfaces.some(nic => nic.name === name));
  // A given server may be reached another way, such as the loopback interface or a tunnel.
  const hasOther = choice.direct && interfaces.some(({ running }) => running);
  const isInTheWay = !chosen.some(isReady) && !hasOther;
  const mark = isInTheWay ? problem : note;
  const findings = missing.map(name =>
    mark(
      `interface ${name}, of --interface, does not exist`,
      'correct the name ("ip link"), or see that its driver or hook is there',
    ),
  );
  for (const nic of chosen) {
    if (isReady(nic)) findings.push(ok(`${nic.name} is used, with ${usableAddresses(nic).join(', ')}`));
    else findings.push(notReady(nic, choice, mark));
  }
  if (chosen.length === 0 && missing.length === 0 && isInTheWay) {
    findings.push(
      problem('there is no suitable network interface', 'see that the driver of the network card is loaded'),
    );
  }
  const others = interfaces.filter(nic => !chosen.includes(nic));
  return [...findings, ...others.map(nic => ok(`${nic.name} is not used: ${whyNotChosen(nic, choice)}`))];
}

/** Whether there is any use in looking for servers now. */
export function canSearch(interfaces: readonly NetworkInterface[], choice: InterfaceChoice): boolean {
  const chosen = chooseInterfaces(interfaces, choice);
  return (
    chosen.some(({ running }) => running) || (choice.direct && interfaces.some(({ running }) => running))
  );
}

function notReady(
  { name, up, running, addresses }: NetworkInterface,
  { raise }: InterfaceChoice,
  mark: (text: string, advice: string) => Finding,
): Finding {
  if (!up) {
    const isRaised = raise === 'all' || raise.includes(name);
    return isRaised
      ? mark(
          `${name} is down: a boot brings it up, and this does not`,
          `try "ip link set ${name} up", and again`,
        )
      : mark(`${name} is down, and is not brought up (none in --interface)`, 'see who has to bring it up');
  }
  if (!running) return mark(`${name} has no carrier`, 'see its cable, and what is at the other end');
  if (addresses.some(({ family, linkLocal }) => family === 'ipv6' && linkLocal)) {
    const text = `${name} has a link-local address that cannot be used (yet): its uniqueness is being checked`;
    return mark(text, 'try again in some seconds; if it stays, another host has the same address');
  }
  return mark(
    `${name} has no link-local and no IPv4 address`,
    `see that IPv6 is not switched off ("sysctl net.ipv6.conf.${name}.disable_ipv6")`,
  );
}

function usableAddresses({ addresses }: NetworkInterface): string[] {
  return addresses.filter(({ tentative }) => !tentative).map(({ address }) => address);
}

function whyNotChosen(nic: NetworkInterface, { names }: InterfaceChoice): string {
  if (names.length > 0) return '--interface names others';
  if (nic.loopback) return 'it is loopback';
  if (!nic.arp) return 'it resolves no addresses (NOARP)';
  return nic.pointToPoint ? 'it is point-to-point' : 'it has no broadcast';
}
