import { join } from 'node:path';
import type { Lan } from '../support/namespace.js';
import { makeRealKeys } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { keyFileOptions, realMandosClientCommand, startServer } from '../support/programs.js';
import type { Recorder } from './results.js';

/** From the start of the client's process to the password, connected directly: what it adds to a boot by itself. */
const ROUNDS = 31;
const LIMIT_MS = 300_000;
const SAME_KEY_TARGET = 1.6;
const HERE = import.meta.dirname;

/** @param password that the keys' secret decrypts to */
export async function benchClientStart(lan: Lan, curve: Keys, password: string, recorder: Recorder) {
  const section = recorder.section(
    'client',
    `Start of the client's process to the password: ${ROUNDS - 1} interleaved rounds, median`,
  );
  const server = await lan.host('password-server');
  const client = await lan.host('client');
  const rsa = await makeRealKeys(lan.directory, 'rsa', password, []);
  const clientsConf = `${curve.section}\n${rsa.clientSection}`;
  const { child, port } = await startServer(server, { clientsConf, args: ['--no-zeroconf', '--port=0'] });
  const connect = [`--connect=${server.interfaces[0]?.linkLocal ?? ''}:${port}`, '--interface=eth0'];
  const bundle = join(HERE, '../../bundle/plugins.d/mandos-client');
  const ours = (keyDirectory: string) => [
    process.execPath,
    bundle,
    ...keyFileOptions(keyDirectory),
    ...connect,
  ];
  const theirs = (keyDirectory: string) => {
    const { env, command } = realMandosClientCommand(keyDirectory);
    return ['env', ...env, ...command, ...connect];
  };
  const commands = {
    'mandos-ts, Curve25519': ours(curve.keys),
    'mandos-ts, RSA-4096': ours(rsa.keyDirectory),
    'Mandos 1.8.16, Curve25519': theirs(curve.keys),
    'Mandos 1.8.16, RSA-4096': theirs(rsa.keyDirectory),
    'node, empty script': [process.execPath, '-e', `process.stdout.write(${JSON.stringify(password)})`],
  };
  const args = [join(HERE, 'start-time.js'), String(ROUNDS), password, JSON.stringify(commands)];
  const { stdout, stderr } = await client.run(process.execPath, args, { timeoutMs: LIMIT_MS });
  if (stdout === '') throw new Error(stderr);
  const times = JSON.parse(stdout) as Record<keyof typeof commands, { wallMs: number; cpuMs: number }>;
  const rows = Object.entries(times).map(([name, { wallMs, cpuMs }]) => ({ name, values: [wallMs, cpuMs] }));
  section.setTable({ columns: ['ms', 'CPU ms'], rows });
  const ratio = (to: keyof typeof commands) => times['mandos-ts, Curve25519'].wallMs / times[to].wallMs;
  section.figure(
    'Curve25519, of Mandos with the same key',
    ratio('Mandos 1.8.16, Curve25519'),
    'times',
    SAME_KEY_TARGET,
  );
  section.figure('… with the key that it makes by default', ratio('Mandos 1.8.16, RSA-4096'), 'times');
  section.charts.push({
    file: 'client-start',
    title: "From the start of the client's process to the password",
    panels: [
      {
        kind: 'bars',
        title: 'ms',
        bars: rows.map(({ name, values: [wallMs = 0] }) => ({ label: name, value: wallMs })),
      },
    ],
  });
  await child.stop();
}
