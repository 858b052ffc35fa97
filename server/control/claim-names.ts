import type { Bus } from '../../common/dbus/bus.js';
import { isDbusError } from '../../common/dbus/bus.js';
import type { Log } from '../../common/log.js';
import { OLD_SERVER_NAME, SERVER_NAME } from './names.js';

/**
 * Takes the server's names. While another program has the first one, waits for it; the old one is not worth that.
 * @returns whether the first one is this program's; it is not where the bus's policy forbids it
 * @throws as Bus.call, when the bus is gone for example
 */
export async function claimNames(bus: Bus, log: Log): Promise<boolean> {
  let claim = await claimOf(bus, SERVER_NAME);
  if (claim === 'taken') {
    const hint = 'is another Mandos server running?';
    log.error(
      `D-Bus: another program has the name ${SERVER_NAME} (${hint}); going on without it until it is free`,
    );
  }
  while (claim === 'taken') {
    await freedom(bus, SERVER_NAME);
    claim = await claimOf(bus, SERVER_NAME);
  }
  if (claim === 'forbidden') {
    const hint = 'put its policy, packaging/dbus/mandos.conf, into /etc/dbus-1/system.d, and restart it';
    log.error(`D-Bus: this user may not have the name ${SERVER_NAME} (${hint}); going on without D-Bus`);
    return false;
  }
  const oldClaim = await claimOf(bus, OLD_SERVER_NAME);
  if (oldClaim !== 'owned')
    log.warning(`D-Bus: the old name ${OLD_SERVER_NAME} is ${oldClaim}; going on without it`);
  return true;
}

async function claimOf(bus: Bus, name: string): Promise<'owned' | 'taken' | 'forbidden'> {
  try {
    return await bus.requestName(name);
  } catch (error) {
    if (isDbusError(error, 'AccessDenied')) return 'forbidden';
    throw error;
  }
}

/** Resolves when a name has no owner. @throws when the bus is gone before that */
async function freedom(bus: Bus, name: string): Promise<void> {
  let setFree = () => {};
  const free = new Promise<void>((resolve, reject) => {
    setFree = resolve;
    bus.gone.addEventListener('abort', () => reject(bus.gone.reason as Error));
  });
  // Whoever still waits for the bus's answer hears from that.
  free.catch(() => {});
  const end = await bus.onOwner(name, owner => {
    if (owner === undefined) setFree();
  });
  await free.finally(end);
}
