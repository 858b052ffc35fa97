import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../../common/dbus/bus.js';
import { keepConnected } from '../../common/dbus/keep-connected.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';

/** Names and numbers of Avahi 0.8's D-Bus interface (org.freedesktop.Avahi.Server.xml, avahi-common/defs.h). */
const AVAHI = 'org.freedesktop.Avahi';
const SERVER = 'org.freedesktop.Avahi.Server';
const SERVER_RUNNING = 2;

/** How often Avahi is asked whether it still answers: a machine that boots meanwhile can wait that long. */
const PULSE_MS = 10_000;
/** The bus itself, which answers any call of this one. */
const DAEMON = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus.Peer',
} as const;

/** An Avahi that is on the bus. */
export interface AvahiServer {
  readonly bus: Pick<Bus, 'call' | 'onSignal' | 'gone' | 'close'>;
  /** Its unique name. */
  readonly owner: string;
}

/** Calls a method of Avahi's server object. @param timeoutMs as Bus.call @throws as Bus.call */
export async function callServer(
  { bus, owner }: AvahiServer,
  member: string,
  args: { readonly signature?: string; readonly body?: readonly unknown[] } = {},
  timeoutMs?: number,
): Promise<readonly unknown[]> {
  return await bus.call({ destination: owner, path: '/', interface: SERVER, member, ...args }, timeoutMs);
}

export interface AvahiListener {
  /** Avahi is ready to advertise. Always the same object for the same Avahi. */
  available(server: AvahiServer): void;
  /** @param soon it is there, and may be ready in a moment */
  unavailable(reason: string, soon: boolean): void;
}

/** Follows Avahi on the system bus, through restarts of either; each word replaces what was said before. */
export function watchAvahi(listener: AvahiListener, log: Log): { close(): void } {
  return keepConnected(
    bus => void followName(bus, listener, log),
    error => listener.unavailable(describeError(error), false),
    undefined,
    { onFault: reason => log.debug(`D-Bus: ${reason}`) },
  );
}

async function followName(bus: Bus, listener: AvahiListener, log: Log): Promise<void> {
  let current: AbortController | undefined;
  try {
    await bus.onOwner(AVAHI, owner => {
      current?.abort();
      current = new AbortController();
      if (owner === undefined) listener.unavailable('Avahi is not running', false);
      else void followServer({ bus, owner }, current.signal, listener, log);
    });
  } catch (error) {
    giveUp(bus, error, listener);
  }
}

/** @param over Avahi has another owner, or none */
async function followServer(
  server: AvahiServer,
  over: AbortSignal,
  listener: AvahiListener,
  log: Log,
): Promise<void> {
  const onState = (state: unknown) => {
    if (over.aborted) return;
    if (state === SERVER_RUNNING) listener.available(server);
    else listener.unavailable('Avahi is not ready, or has a conflict over the host name', true);
  };
  let changed = false;
  const match = { sender: server.owner, path: '/', interface: SERVER, member: 'StateChanged' };
  const askState = async () => {
    changed = false;
    const [state] = await callServer(server, 'GetState');
    // A change that was heard meanwhile is at least as new as the reply.
    if (!changed) onState(state);
  };
  try {
    const end = await server.bus.onSignal(match, ({ body }) => {
      const [state] = body();
      changed = true;
      onState(state);
    });
    if (over.aborted) end();
    else over.addEventListener('abort', end);
    await askState();
  } catch (error) {
    if (!over.aborted) giveUp(server.bus, error, listener);
    return;
  }
  await followPulse(askState, server, over, listener, log);
}

/**
 * Asks Avahi again and again: one that hangs keeps its name, and the bus tells nobody. When the bus does not answer
 * either, it is the one that hangs, or this process was, and Avahi may well be announcing all the time.
 */
async function followPulse(
  askState: () => Promise<void>,
  { bus }: AvahiServer,
  over: AbortSignal,
  listener: AvahiListener,
  log: Log,
): Promise<void> {
  const isOver = () => over.aborted || bus.gone.aborted;
  while (!isOver()) {
    await sleep(PULSE_MS, undefined, { ref: false });
    const [avahi, daemon] = await Promise.allSettled([askState(), bus.call({ ...DAEMON, member: 'Ping' })]);
    if (avahi.status === 'fulfilled' || isOver()) continue;
    if (daemon.status === 'rejected') log.debug(`Zeroconf: ${describeError(daemon.reason)}`);
    else listener.unavailable('Avahi does not answer', false);
  }
}

/** An Avahi or a bus that does not answer as it should is tried again, over a new connection. */
function giveUp(bus: AvahiServer['bus'], error: unknown, listener: AvahiListener): void {
  if (bus.gone.aborted) return; // which has been said
  listener.unavailable(describeError(error), false);
  bus.close();
}
