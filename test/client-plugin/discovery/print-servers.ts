import { systemClock } from '../../../client-plugin/clock.js';
import { zeroconfSource } from '../../../client-plugin/discovery/zeroconf.js';
import { parseInterfaceOption } from '../../../client-plugin/network/interfaces.js';
import { createLog, standardErrorSink } from '../../../common/log.js';
import { listInterfaces } from '../../../common/network-interfaces.js';

/**
 * Run in a network namespace: prints what Zeroconf finds, a JSON line at each change. Arguments: names of interfaces,
 * none for all. After SIGTERM it ends when nothing of the search is left open.
 */
const source = zeroconfSource({
  choice: { ...parseInterfaceOption(process.argv.slice(2)), direct: false },
  list: listInterfaces,
  clock: systemClock,
  random: Math.random,
  log: createLog(standardErrorSink('print-servers'), 'debug'),
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
source(
  servers => process.stdout.write(`${JSON.stringify(servers.map(({ targets }) => targets))}\n`),
  stop.signal,
);
