import type { Bus } from '../../common/dbus/bus.js';
import { keepConnected } from '../../common/dbus/keep-connected.js';
import { describeError } from '../../common/errors.js';
import type { ServerLimits } from '../config/limits.js';
import { DEFAULT_LIMITS } from '../config/limits.js';
import { clientInterfaces } from './client-interface.js';
import type { ControlledServer } from './controlled-server.js';
import { claimNames } from './claim-names.js';
import { SERVER_NAME } from './names.js';
import { ObjectPaths } from './object-paths.js';
import { Operator } from './operator.js';
import { serverInterfaces } from './server-interface.js';
import { Session } from './session.js';

export interface Control {
  /** Tells that all clients are gone, and leaves the bus, within a second. Never rejects. */
  close(): Promise<void>;
}

export interface ControlOptions {
  /** Of the bus. Default: the system's. */
  readonly address?: string;
  /** As they are now. Default: those of mandos.conf(5). */
  readonly limits?: () => Pick<ServerLimits, 'maxDbusCalls'>;
}

/**
 * Serves the D-Bus interface of the original (docs/dbus-api.md), on a bus that may come and go. Without one, or when
 * another program has the name, the server goes on all the same: the log says so. Never throws.
 */
export function serveControl(server: ControlledServer, options: ControlOptions = {}): Control {
  const { registry, log } = server;
  const { limits = () => DEFAULT_LIMITS } = options;
  const paths = new ObjectPaths(registry);
  const operator = new Operator(server, paths);
  const interfaces = {
    client: clientInterfaces(operator),
    server: serverInterfaces(server, paths, operator),
  };
  let session: Session | undefined;
  let isUnavailable = false;
  registry.events.subscribe(event => {
    try {
      session?.tell(event);
    } catch (error) {
      log.error(`D-Bus: an event could not be told: ${describeError(error)}`);
    }
  });

  const open = async (bus: Bus) => {
    const opened = new Session(bus, interfaces, paths, () => limits().maxDbusCalls);
    const isOwned = await claimNames(bus, log);
    if (!isOwned || bus.gone.aborted) return;
    log.info(`D-Bus: serving as ${SERVER_NAME}`);
    isUnavailable = false;
    session = opened;
    await opened.announce();
  };
  const connection = keepConnected(
    bus => {
      bus.gone.addEventListener('abort', () => (session = undefined));
      open(bus).catch((error: unknown) => {
        // That it has gone is said below.
        if (bus.gone.aborted) return;
        log.error(`D-Bus: ${describeError(error)}`);
        bus.close();
      });
    },
    error => {
      if (!isUnavailable) log.warning(`${describeError(error)}; going on without D-Bus until it is back`);
      isUnavailable = true;
    },
    options.address,
    { onFault: reason => log.debug(`D-Bus: ${reason}`) },
  );
  return {
    async close() {
      const last = session;
      session = undefined;
      await last?.end();
      connection.close();
    },
  };
}
