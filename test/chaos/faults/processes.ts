import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Child } from '../../support/child.js';
import type { Fault, Report } from '../fault.js';
import { assertUnlock, withinLimit } from '../fault.js';
import { SILENT_MACHINE } from '../identities.js';
import type { Site } from '../site.js';
import { descendantsOf, kill } from '../site.js';

const execute = promisify(execFile);

/** Beyond the short timeout, and within the other. */
const ASLEEP_MS = 25_000;
const LONG_ASLEEP_MS = 180_000;
/** Between two kills of the same thing. */
const KILL_EVERY_MS = 1_000;
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

const WRITER = 'writer-process.js';
const WORKER = 'worker-process.js';

/** Ends these at once, as the kernel does for want of memory. @throws Error when there is none */
function killAll(pids: readonly number[]): Promise<void> {
  if (pids.length === 0) throw new Error('no process to kill');
  for (const pid of pids) kill(pid, 'SIGKILL');
  return Promise.resolve();
}

/** Stops one of the processes that serve connections, or lets it go on. */
function signalOneWorker(site: Site, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const [first] = site.childrenOf(WORKER);
  if (first === undefined) throw new Error('no process serves connections');
  kill(first, signal);
  return Promise.resolve();
}

const killings = new WeakMap<Site, NodeJS.Timeout>();

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
    times: { interval: 'PT4S', timeout: 'PT20S' },
    apply: site => Promise.resolve(site.mandos.signal('SIGSTOP')),
    during: askForSilent,
    undo: site => Promise.resolve(site.mandos.signal('SIGCONT')),
    after: awake,
  },
  {
    name: "the server sleeps for three minutes, which is within the clients' timeout",
    holdMs: LONG_ASLEEP_MS,
    apply: site => Promise.resolve(site.mandos.signal('SIGSTOP')),
    undo: site => Promise.resolve(site.mandos.signal('SIGCONT')),
  },
  {
    name: 'the process that writes the state is killed',
    programs: ['ours'],
    holdMs: 5_000,
    isServed: true,
    apply: site => killAll(site.childrenOf(WRITER)),
    undo: () => Promise.resolve(),
  },
  {
    name: 'everything that the server has started is killed at once',
    programs: ['ours'],
    workers: 2,
    holdMs: 5_000,
    isServed: true,
    apply: site => killAll(descendantsOf(site.mandos.pid)),
    undo: () => Promise.resolve(),
  },
  {
    name: 'the processes that serve connections are killed, again and again',
    programs: ['ours'],
    workers: 2,
    holdMs: 15_000,
    clients: 3,
    apply: async site => {
      await killAll(site.childrenOf(WORKER));
      const again = () => site.childrenOf(WORKER).forEach(pid => kill(pid, 'SIGKILL'));
      killings.set(site, setInterval(again, KILL_EVERY_MS).unref());
    },
    undo: site => Promise.resolve(clearInterval(killings.get(site))),
  },
  {
    name: 'one of the processes that serve connections hangs',
    programs: ['ours'],
    workers: 2,
    holdMs: 20_000,
    clients: 5,
    isServed: true,
    apply: site => signalOneWorker(site, 'SIGSTOP'),
    undo: site => signalOneWorker(site, 'SIGCONT'),
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
    after: async (site, { problems }) => {
      const what = 'nobody is served with few descriptors when the neighbour is gone';
      await assertUnlock(site.ask('web')).catch(() => problems.push(what));
      await limit(site, '--nofile=1024:');
    },
  },
  {
    name: 'the server may start no processes',
    holdMs: 15_000,
    isServed: true,
    apply: site => limit(site, '--nproc=1:'),
    undo: async site => {
      const args = [`--pid=${site.mandos.pid}`, '--nproc', '--output=HARD', '--noheadings'];
      const { stdout } = await asServer(['prlimit', ...args]);
      await limit(site, `--nproc=${stdout.trim()}:`);
    },
  },
];
