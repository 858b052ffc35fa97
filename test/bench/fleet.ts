import { randomBytes } from 'node:crypto';

/** What machines of a fleet have in common: how often they are checked. Goes before all sections. */
export function checkedEach(interval: string, timeout: string): string {
  return `[DEFAULT]\ninterval = ${interval}\ntimeout = ${timeout}\n`;
}

/** For servers whose releases alone are measured. */
export const HARDLY_CHECKED = checkedEach('P1D', 'P7D');

/** Sections of clients.conf for so many machines that answer pings: each has an address of its own in 127.0.0.0/8. */
export function fleetSections(machines: number, secretBytes: number): string {
  return Array.from({ length: machines }, (_, i) => fleetSection(i, secretBytes)).join('');
}

function fleetSection(i: number, secretBytes: number): string {
  const address = `127.${1 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}`;
  const message = randomBytes(secretBytes);
  message[0] = 0x84; // as an OpenPGP message begins
  const secret = message.toString('base64').replace(/.{1,72}/g, '    $&\n');
  const [keyId, fingerprint] = [randomBytes(32), randomBytes(20)].map(bytes => bytes.toString('hex'));
  return `[machine${i}]\nhost = ${address}\nkey_id = ${keyId}\nfingerprint = ${fingerprint}\nsecret =\n${secret}\n`;
}
