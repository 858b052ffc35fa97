import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export const DAEMON_OPTIONS = ['--nofork', '--nopidfile', '--nosyslog', '--print-address'];

/**
 * The rules of Debian's system.conf: no name can be owned and nothing be called but what a policy file allows.
 * @param policies files, absent ones are passed over
 * @param limits `<limit>` elements by name, for more than the defaults of dbus-daemon
 */
export function systemBusConfig(
  address: string,
  policies: readonly string[],
  limits: Readonly<Record<string, number>> = {},
): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
          send_member="UpdateActivationEnvironment"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
${policies.map(file => `  <include ignore_missing="yes">${file}</include>\n`).join('')}
${Object.entries(limits)
  .map(([name, value]) => `  <limit name="${name}">${value}</limit>\n`)
  .join('')}
</busconfig>
`;
}

/** A message bus of the test's own, outside any namespace. */
export interface BusDaemon {
  readonly address: string;
  /** Where its socket is. */
  readonly directory: string;
  start(): Promise<void>;
  /** Kills it. */
  stop(): Promise<void>;
}

/** Starts a bus that ends with the test. @param config its configuration file, for the address that it listens on */
export async function startBusDaemon(
  t: TestContext,
  config: (address: string, directory: string) => string,
): Promise<BusDaemon> {
  const directory = mkdtempSync(join(tmpdir(), 'bus-'));
  const socket = join(directory, 'socket');
  const address = `unix:path=${socket}`;
  const file = join(directory, 'bus.conf');
  writeFileSync(file, config(address, directory));
  let stop = async () => {};
  const daemon: BusDaemon = {
    address,
    directory,
    start: async () => {
      rmSync(socket, { force: true });
      const child = spawn('dbus-daemon', [`--config-file=${file}`, ...DAEMON_OPTIONS], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
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
  await daemon.start();
  return daemon;
}
