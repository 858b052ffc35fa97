/**
 * Advertises, in the network namespace that it is started in, until its standard input ends; the log goes to standard
 * output. Arguments: a Service as JSON; `stopped-clock` for a responder whose time stands still, so that what it has for
 * reading and answering does not grow again.
 */
import { createLog } from '../../../common/log.js';
import type { Service } from '../../../server/discovery/advertiser.js';
import { advertise } from '../../../server/discovery/advertiser.js';
import { publishThroughAvahi } from '../../../server/discovery/avahi.js';
import { watchAvahi } from '../../../server/discovery/avahi-watch.js';
import { embeddedEffects, publishEmbedded } from '../../../server/discovery/embedded.js';

const sink = { write: (level: string, line: string) => process.stdout.write(`${level}: ${line}\n`) };
const service = JSON.parse(process.argv[2] ?? '') as Service;
const effects =
  process.argv[3] === 'stopped-clock' ? { ...embeddedEffects, nowMs: () => 0 } : embeddedEffects;
const advertiser = advertise(service, createLog(sink, 'debug'), {
  watchAvahi,
  publishThroughAvahi,
  publishEmbedded: (wanted, log, hooks) => publishEmbedded(wanted, log, hooks, effects),
});
process.stdin.resume();
process.stdin.on('end', () => {
  void (async () => {
    await advertiser.stop();
    process.stdout.write(`stopped: ${advertiser.name}\n`);
  })();
});
