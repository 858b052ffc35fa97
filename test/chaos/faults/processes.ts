import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Child } from '../../support/child.js';
import type { Fault, Report } from '../fault.js';
import { assertUnlock, withinLimit } from '../fault.js';
import { SILENT_MACHINE } from '../identities.js';
import type { Site } from '../site.js';
import { descendantsOf, kill } from '../site.js';

const execute = promisify(execFile);

/** Beyond the clients' timeout. */
const ASLEEP_MS = 20_000;
const FREE_DESCRIPTORS = 4;
const CONNECTIONS = 60;
const LIMIT_MS = 60_000;

/** Connects again and again, keeps what it gets, and says nothing. */
const HOG = `
import selectors, socket, sys, time
print("begun", flush=True)
held = []
while True:
    while len(held) < ${CONNECTIONS}:
        s = socket.socket()
        s.settimeout(5)
        try:
            s.connect((sys.argv[1], int(sys.argv[2])))
        except OSError:
            pass
        s.setblocking(False)
        held.append(s)
    time.sleep(0.2)
    alive = []
    for s in held:
        try:
            if s.recv(1) == b"": s.close(); continue
        except BlockingIOError:
            pass
        except OSError:
            s.close(); continue
        alive.append(s)
    held = alive
`;

const hogs = new WeakMap<Site, Child>();

/** Runs a program as the server's own user: root in a container may not change the limits of others. */
async function asServer(command: readonly string[]): Promise<{ stdout: string }> {
  const user = ['--reuid=_mandos', '--regid=_mandos', '--clear-groups'];
  return await execute('setpriv', [...user, ...command]);
}

async function limit(site: Site, what: string): Promise<void> {
  await asServer(['prlimit', `--pid=${site.mandos.pid}`, what]);
}

function writerOf(site: Site): number | undefined {
  return descendantsOf(site.mandos.pid).find(pid =>
    readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('writer-process'),
  );
}

/** Machine `silent` is gone while the server sleeps, and somebody asks with its keys when its time is up. */
async function askForSilent(site: Site): Promise<void> {
  const words = ['-n', site.client.namespace, 'address', 'delete', `${SILENT_MACHINE}/24`, 'dev', 'eth0'];
  await execute('ip', words);
  const thief = site.ask('silent');
  thieves.set(site, thief);
  // The kernel takes its connection, or will: the original's backlog is short.
  const isConnected = async () => {
    const { stdout } = await site.client.run('ss', ['-tnpaH']);
    return stdout.includes(`pid=${thief.pid},`);
  };
  await withinLimit(isConnected, LIMIT_MS, 'the connection of silent');
}

const thieves = new WeakMap<Site, Child>();

async function awake(site: Site, report: Report): Promise<void> {
  // Whoever asks now is behind the thief, who has waited.
  await withinLimit(async () => (await site.clients()) !== undefined, LIMIT_MS, 'clients on D-Bus');
  await sleep(3_000);
  const thief = thieves.get(site);
  if (thief && thief.stdoutBytes.length > 0) report.problems.push('silent got its password after its time');
  const clients = (await site.clients()) ?? {};
  const asleep = ['web', 'again', 'approved', 'denied'].filter(name => clients[name]?.Enabled === false);
  if (asleep.length === 0) return;
  report.notes.push('clients that had answered all along expired while the server slept');
  for (const name of asleep) await site.operate('--enable', name);
}

/** What happens to the server's processes. */
export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: "the server sleeps for longer than the clients' timeout",
    holdMs: ASLEEP_MS,
    times: { interval: 'PT1S', timeout: 'PT10S' },
    apply: site => Promise.resolve(site.mandos.signal('SIGSTOP')),
    during: askForSilent,
    undo: site => Promise.resolve(site.mandos.signal('SIGCONT')),
    after: awake,
  },
  {
    name: 'the server sleeps for a shorter time',
    holdMs: ASLEEP_MS,
    apply: site => Promise.resolve(site.mandos.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.mandos.signal('SIGCONT')),
  },
  {
    name: 'the process that writes the state is killed',
    programs: ['ours'],
    holdMs: 5_000,
    apply: site => {
      const pid = writerOf(site);
      if (pid === undefined) throw new Error('no process writes the state');
      return Promise.resolve(kill(pid, 'SIGKILL'));
    },
    undo: () => Promise.resolve(),
  },
  {
    name: 'the server is killed, and started again as systemd does',
    holdMs: 10_000,
    apply: site => site.killMandos(),
    undo: site => site.startMandos(),
  },
  {
    name: 'the server has no free file descriptors',
    holdMs: 20_000,
    apply: async site => {
      await limit(site, `--nofile=${site.resources().descriptors + FREE_DESCRIPTORS}:`);
      const hog = site.client.spawn('python3', ['-c', HOG, '192.0.2.1', String(site.port)]);
      await hog.waitForOutput(/begun/);
      hogs.set(site, hog);
    },
    // The limit stays.
    undo: async site => void (await hogs.get(site)?.stop('SIGKILL')),
    after: async site => {
      await assertUnlock(site.ask('web'));
      await limit(site, '--nofile=1024:');
    },
  },
  {
    name: 'the server may start no processes',
    holdMs: 15_000,
    apply: site => limit(site, '--nproc=1:'),
    undo: async site => {
      const args = [`--pid=${site.mandos.pid}`, '--nproc', '--output=HARD', '--noheadings'];
      const { stdout } = await asServer(['prlimit', ...args]);
      await limit(site, `--nproc=${stdout.trim()}:`);
    },
  },
];
