import { describeError } from '../errors.js';
import type { Bus, BusOptions } from './bus.js';
import { connectBus, systemBusAddress } from './bus.js';

/** First wait before the bus is tried again, doubled with each failure up to the second one. */
const RECONNECT_MIN_MS = 1000;
const RECONNECT_MAX_MS = 30_000;

/**
 * Keeps a connection to a message bus until closed.
 * @param use called with each new connection; all that belongs to the one before is void. When it throws, the
 *   connection is closed and tried again
 * @param onUnavailable called when there is no connection (any more), at each attempt; what it throws is told to
 *   `options.onFault`
 */
export function keepConnected(
  use: (bus: Bus) => void,
  onUnavailable: (error: unknown) => void,
  address: string = systemBusAddress(),
  options: BusOptions = {},
): { close(): void } {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Bus | undefined;
  let waitMs = RECONNECT_MIN_MS;
  const tell = (error: unknown) => {
    try {
      onUnavailable(error);
    } catch (fault) {
      options.onFault?.(`that there is no bus was not dealt with: ${describeError(fault)}`);
    }
  };
  const lost = (error: unknown) => {
    current = undefined;
    if (closed) return;
    timer = setTimeout(() => void attempt(), waitMs);
    waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS);
    tell(error);
  };
  const attempt = async () => {
    let bus: Bus;
    try {
      bus = await connectBus(address, options);
    } catch (error) {
      lost(error);
      return;
    }
    if (closed) {
      bus.close();
      return;
    }
    current = bus;
    waitMs = RECONNECT_MIN_MS;
    bus.gone.addEventListener('abort', () => lost(bus.gone.reason));
    try {
      use(bus);
    } catch (error) {
      bus.close();
      tell(error);
    }
  };
  void attempt();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      current?.close();
    },
  };
}
