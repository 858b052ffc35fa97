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
    isServed: true,
    apply: async site => void (await site.bus.stop('SIGKILL')),
    undo: restartBus,
  },
  {
    name: 'the D-Bus daemon hangs',
    // Long enough for whoever asks Avahi over it for a sign of life to have waited in vain.
    holdMs: 30_000,
    isServed: true,
    apply: site => Promise.resolve(site.bus.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.bus.signal('SIGCONT')),
  },
  {
    name: 'Avahi is killed, and started again later',
    holdMs: 10_000,
    isServed: true,
    apply: async site => void (await site.avahi.stop('SIGKILL')),
    undo: async site => {
      site.avahi = await startAvahi(site.server);
    },
  },
  {
    name: 'Avahi hangs',
    // It is missed after 10 to 20 s.
    holdMs: 45_000,
    isServed: true,
    apply: site => Promise.resolve(site.avahi.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.avahi.signal('SIGCONT')),
  },
];
