import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { median } from './statistics.js';

/**
 * Process start to password: `node start-time.js ROUNDS PASSWORD COMMANDS` runs each of the commands (JSON: name to
 * argument list) in turn and prints the medians as JSON. Runs where the network is, so that nothing else is timed.
 */
const MS_PER_TICK = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const [rounds = '', password = '', commands = ''] = process.argv.slice(2);
const wall = new Map<string, number[]>();
const cpu = new Map<string, number[]>();

/** Milliseconds of CPU that this process's children have used, their own children included (proc(5), stat). */
function childrenCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) * MS_PER_TICK;
}

for (let round = 0; round < Number(rounds); round++) {
  for (const [name, [command = '', ...args]] of Object.entries(
    JSON.parse(commands) as Record<string, string[]>,
  )) {
    const [startMs, startCpuMs] = [performance.now(), childrenCpuMs()];
    const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
    const [tookMs, tookCpuMs] = [performance.now() - startMs, childrenCpuMs() - startCpuMs];
    if (status !== 0 || stdout !== password) throw new Error(`${name}: status ${String(status)}: ${stderr}`);
    // The first round warms the caches of files.
    if (round === 0) continue;
    wall.set(name, [...(wall.get(name) ?? []), tookMs]);
    cpu.set(name, [...(cpu.get(name) ?? []), tookCpuMs]);
  }
}
const rows = [...wall].map(([name, list]) => [
  name,
  { wallMs: median(list), cpuMs: median(cpu.get(name) ?? []) },
]);
process.stdout.write(JSON.stringify(Object.fromEntries(rows)));
