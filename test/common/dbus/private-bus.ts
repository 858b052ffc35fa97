import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Bus, BusOptions } from '../../../common/dbus/bus.js';
import { connectBus } from '../../../common/dbus/bus.js';

/** A message bus of the test's own, with the limits of a system bus. */
export interface PrivateBus {
  readonly address: string;
  /** Another connection to it. */
  connect(options?: BusOptions): Promise<Bus>;
  start(): Promise<void>;
  /** Kills it. */
  stop(): Promise<void>;
}

const config = (address: string) => `<busconfig>
  <type>system</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own_prefix="org.example"/>
    <deny own="org.example.Forbidden"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;

export async function startPrivateBus(t: TestContext): Promise<PrivateBus> {
  const directory = mkdtempSync(join(tmpdir(), 'private-bus-'));
  const address = `unix:path=${join(directory, 'socket')}`;
  const file = join(directory, 'bus.conf');
  writeFileSync(file, config(address));
  let stop = async () => {};
  const bus: PrivateBus = {
    address,
    connect: async options => {
      const connection = await connectBus(address, options);
      t.after(() => connection.close());
      return connection;
    },
    start: async () => {
      rmSync(join(directory, 'socket'), { force: true });
      const child = spawn(
        'dbus-daemon',
        [`--config-file=${file}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      const ended = once(child, 'exit');
      stop = async () => {
        child.kill('SIGKILL');
        await ended;
      };
      await once(child.stdout, 'data');
    },
    stop: async () => await stop(),
  };
  t.after(async () => {
    await stop();
    rmSync(directory, { recursive: true });
  });
  await bus.start();
  return bus;
}
