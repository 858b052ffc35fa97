import { parseArgs } from 'node:util';
import { prepareLoad } from '../bench/load-run.js';
import { formatNumber, Recorder } from '../bench/results.js';
import { createLan } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import { growths, isFlat } from './flat.js';
import type { Sample } from './samples.js';
import type { Plan, Soaked } from './soak.js';
import { soak } from './soak.js';

/** `npm run test:soak`: see run.sh. The exit status is 1 when the server holds more than it should. */
const { values } = parseArgs({
  options: {
    releases: { type: 'string', default: '100000' },
    checks: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '3000' },
    workers: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const SAMPLE_MS = 2_000;
const TELL_EVERY_SAMPLES = 30;
/** As many as can be told apart in a chart. */
const DRAWN_SAMPLES = 200;

const plan: Plan = {
  releases: Number(values.releases),
  bursts: 20,
  checks: Number(values.checks),
  clients: Number(values.clients),
  workers: Number(values.workers),
  sampleMs: SAMPLE_MS,
};
const hooks: (() => Promise<void>)[] = [];
try {
  const recorder = new Recorder();
  const title = `Soak: ${formatNumber(plan.releases)} releases and ${formatNumber(plan.checks)} checks, ${formatNumber(plan.clients)} clients, ${plan.workers} worker${plan.workers > 1 ? 's' : ''}`;
  const section = recorder.section(plan.workers > 1 ? `soak-${plan.workers}-workers` : 'soak', title);
  const lan = await createLan({ after: hook => hooks.push(hook) });
  const host = await lan.host('soak');
  const keys = await makeKeys(lan.directory, 'client', 'a password');
  const load = await prepareLoad(lan.directory, keys);
  let count = 0;
  const tell = ({ checks, releases, residentMb }: Sample) => {
    if (count++ % TELL_EVERY_SAMPLES > 0) return;
    process.stderr.write(`${checks} checks, ${releases} releases, ${residentMb.toFixed(0)} MB\n`);
  };
  const soaked = await soak({ host, keys, load }, plan, tell);
  const { samples, before, after, seconds } = soaked;
  const last = samples.at(-1) ?? before;
  section.figure('took', seconds / 60, 'min');
  section.figure('releases', last.releases, '');
  section.figure('checks', last.checks, '');
  section.figure('checks a second', last.checks / seconds, '');
  section.figure('CPU, with all checkers', (last.cpuMs - before.cpuMs) / 1000 / seconds, 'cores');
  for (const growth of growths(samples)) {
    section.figure(`${growth.what}: second quarter`, growth.before, '');
    section.figure(`${growth.what}: last quarter`, growth.after, '', growth.allowed);
  }
  section.figure('descriptors at rest, before', before.descriptors, '');
  section.figure('descriptors at rest, after', after.descriptors, '', before.descriptors);
  section.figure('processes at rest, after', after.processes + after.checkers, '', before.processes);
  section.figure('checks that failed', soaked.failedChecks, '', 0);
  section.figure('clients that were disabled', soaked.disabled, '', 0);
  section.charts.push(chart(section.id, title, samples));
  if (values.json !== undefined) recorder.save(values.json);
  if (!isInOrder(soaked)) process.exitCode = 1;
} finally {
  for (const hook of hooks) await hook();
}

function isInOrder({ samples, before, after, disabled }: Soaked): boolean {
  const isAtRest =
    after.descriptors <= before.descriptors && after.processes + after.checkers <= before.processes;
  return growths(samples).every(isFlat) && isAtRest && disabled === 0;
}

function chart(file: string, title: string, samples: readonly Sample[]) {
  const every = Math.max(1, Math.ceil(samples.length / DRAWN_SAMPLES));
  const drawn = samples.filter((_, i) => i % every === 0 || i === samples.length - 1);
  const panel = (name: string, field: 'residentMb' | 'descriptors') => ({
    kind: 'lines' as const,
    title: name,
    xTitle: 'checks',
    series: [{ name: '', points: drawn.map(sample => [sample.checks, sample[field]] as const) }],
  });
  return {
    file,
    title,
    panels: [
      panel('resident memory of all processes of the server, MB', 'residentMb'),
      panel('open descriptors (in the peaks a checker is just being started)', 'descriptors'),
    ],
  };
}
