import { readFileSync } from 'node:fs';
import { parseInterfaceOption } from '../../../client-plugin/network/interfaces.js';
import { startNetwork } from '../../../client-plugin/network/network.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { createLog, standardErrorSink } from '../../../common/log.js';
import { listInterfaces } from '../../../common/network-interfaces.js';

/** Starts the network with the hooks of a directory, and exits in the midst of it. */
const [directory = '', trace = ''] = process.argv.slice(2);
const privileges = processPrivileges();
startNetwork({
  choice: { ...parseInterfaceOption([]), direct: false },
  hooks: { directory, device: '', delayMs: 0, connect: undefined, debug: false },
  environment: process.env,
  privileges,
  log: createLog(standardErrorSink('network-child'), 'debug'),
});
privileges.lower();
setInterval(() => {
  const isUp = listInterfaces().some(({ name, up }) => name === 'eth0' && up);
  if (isUp && readFileSync(trace, 'utf8').includes('b start')) process.exit(7);
}, 20);
