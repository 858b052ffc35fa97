import { parseArgs } from 'node:util';
import { createLan } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import { benchClientStart } from './client-start.js';
import { benchLife } from './life.js';
import { prepareLoad } from './load-run.js';
import { benchMeanwhile } from './meanwhile.js';
import { benchOperator } from './operator.js';
import { plot } from './plot.js';
import { benchReleases } from './releases.js';
import { Recorder } from './results.js';

/** `npm run bench`: see run.sh. */
const PASSWORD = 'benchmark password';
const PARTS = ['releases', 'meanwhile', 'client', 'life', 'operator'];

const { values, positionals } = parseArgs({
  options: { json: { type: 'string' } },
  allowPositionals: true,
});
const [first, file] = positionals;
const isLong = positionals.includes('long');
const named = positionals.filter(word => word !== 'long');
const unknown = named.find(word => !PARTS.includes(word));
if (first === 'plot' && file !== undefined) plot(file);
else if (unknown !== undefined) {
  process.stderr.write(`bench: no part is called ${unknown} (${PARTS.join(', ')}; or plot FILE)\n`);
  process.exitCode = 2;
} else await bench(named.length > 0 ? named : PARTS, values.json);

async function bench(parts: readonly string[], jsonFile: string | undefined): Promise<void> {
  const hooks: (() => Promise<void>)[] = [];
  const recorder = new Recorder();
  try {
    const lan = await createLan({ after: hook => hooks.push(hook) });
    const keys = await makeKeys(lan.directory, 'curve', PASSWORD);
    const load = await prepareLoad(lan.directory, keys);
    for (const part of parts) {
      if (part === 'releases') await benchReleases(lan, keys, load, recorder);
      if (part === 'meanwhile') await benchMeanwhile(lan, keys, load, recorder);
      if (part === 'client') await benchClientStart(lan, keys, PASSWORD, recorder);
      if (part === 'life') await benchLife(lan, keys, load, recorder, isLong);
      if (part === 'operator') await benchOperator(lan, keys, recorder);
      if (jsonFile !== undefined) recorder.save(jsonFile);
    }
  } finally {
    for (const hook of hooks) await hook();
  }
}
