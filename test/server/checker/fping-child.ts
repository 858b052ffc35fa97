import { CheckerSlots } from '../../../server/checker/checker-slots.js';
import { FpingBatch } from '../../../server/checker/fping-batch.js';
import { runFping } from '../../../server/checker/fping.js';
import { ShellRunner } from '../../../server/checker/shell-runner.js';
import { shellQuote } from '../../../server/client/checker-expansion.js';
import { recorder } from './recorder.js';

/**
 * A program for a test host.
 * `fping-child.js together HOSTS` checks the hosts (a JSON list) with FpingBatch, and at the same time each by an fping
 * of its own; it writes both lists of outcomes and the log.
 * `fping-child.js one HOSTS` asks all by one process and writes the statuses.
 */
const [, , mode, list = '[]'] = process.argv;
const hosts = JSON.parse(list) as string[];
if (mode === 'one') {
  const { statuses } = await runFping(hosts, () => {}).done;
  process.stdout.write(JSON.stringify(Object.fromEntries(statuses)));
} else {
  const { log, lines } = recorder('info');
  const shell = new ShellRunner(log);
  const batch = new FpingBatch(log, shell, new CheckerSlots(log, () => Infinity));
  const alone = hosts.map(host => shell.run(`/usr/bin/fping -q -- ${shellQuote(host)}`, host).done);
  const together = hosts.map(host => batch.check(host, host).done);
  const result = { together: await Promise.all(together), alone: await Promise.all(alone), lines };
  process.stdout.write(JSON.stringify(result));
}
