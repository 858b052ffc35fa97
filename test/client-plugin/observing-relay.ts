import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** A way to a server that tells as whom a process runs that asks it. */
export interface ObservingRelay {
  readonly address: string;
  readonly port: number;
  /** The effective user IDs, each once; those of before a connection was passed on. */
  readonly users: Set<string>;
}

/**
 * Passes connections on to a server on loopback.
 * @param pid of the process that will connect; asked with each connection
 */
export async function observingRelay(
  t: TestContext,
  serverPort: number,
  pid: () => number,
): Promise<ObservingRelay> {
  const users = new Set<string>();
  const relay = createServer(socket => {
    users.add(effectiveUser(pid()));
    const onward = createConnection({ host: '::1', port: serverPort });
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  relay.listen(0, '::1');
  await once(relay, 'listening');
  t.after(() => relay.close());
  const { port } = relay.address() as AddressInfo;
  return { address: `[::1]:${port}`, port, users };
}

/** proc_pid_status(5): real, effective, saved and file system IDs. */
function effectiveUser(pid: number): string {
  return /^Uid:\t\d+\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}
