import { startAvahi, startBus } from '../../support/peers.js';
import type { Fault } from '../fault.js';
import { descendantsOf } from '../site.js';
import type { Site } from '../site.js';

async function restartBus(site: Site): Promise<void> {
  ({ child: site.bus } = await startBus(site.server));
  // It ends with its bus, or finds the new one by itself.
  if (!descendantsOf(process.pid).includes(site.avahi.pid)) site.avahi = await startAvahi(site.server);
}

/** What other programs on the server's machine do. */
export const SERVICE_FAULTS: readonly Fault[] = [
  {
    name: 'the D-Bus daemon is killed, and started again later',
    holdMs: 10_000,
    apply: async site => void (await site.bus.stop('SIGKILL')),
    undo: restartBus,
  },
  {
    name: 'the D-Bus daemon hangs',
    holdMs: 15_000,
    apply: site => Promise.resolve(site.bus.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.bus.signal('SIGCONT')),
  },
  {
    name: 'Avahi is killed, and started again later',
    holdMs: 10_000,
    apply: async site => void (await site.avahi.stop('SIGKILL')),
    undo: async site => {
      site.avahi = await startAvahi(site.server);
    },
  },
  {
    name: 'Avahi hangs',
    holdMs: 15_000,
    apply: site => Promise.resolve(site.avahi.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.avahi.signal('SIGCONT')),
  },
];
