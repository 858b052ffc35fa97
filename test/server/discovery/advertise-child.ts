/**
 * Advertises, in the network namespace that it is started in, until its standard input ends; the log goes to standard
 * output. Arguments: a Service as JSON.
 */
import { createLog } from '../../../common/log.js';
import type { Service } from '../../../server/discovery/advertiser.js';
import { advertise } from '../../../server/discovery/advertiser.js';

const sink = { write: (level: string, line: string) => process.stdout.write(`${level}: ${line}\n`) };
const service = JSON.parse(process.argv[2] ?? '') as Service;
const advertiser = advertise(service, createLog(sink, 'debug'));
process.stdin.resume();
process.stdin.on('end', () => {
  void (async () => {
    await advertiser.stop();
    process.stdout.write(`stopped: ${advertiser.name}\n`);
  })();
});
