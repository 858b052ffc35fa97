import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObtainOptions, SearchWatcher } from '../../client-plugin/obtain.js';
import { obtainPassword } from '../../client-plugin/obtain.js';
import type { Server, Target } from '../../client-plugin/server-tries.js';
import { MAX_TRIES, SILENT_PREEMPT_AFTER_MS } from '../../client-plugin/server-tries.js';
import { describeError, MandosError } from '../../common/errors.js';
import type { LogLevel } from '../../common/log.js';
import { createLog } from '../../common/log.js';
import { seededRandom, SimulatedClock } from './simulation.js';

type Fetch = ObtainOptions['fetch'];

function server(host: string, origin: Target['origin'] = 'zeroconf'): Server {
  return { key: host, targets: [{ host, port: 4711, origin, label: 'Mandos' }] };
}

/** A search for the password with everything about it in the test's hands. */
function search(
  fetch: Fetch,
  decrypt: ObtainOptions['decrypt'] = async blob => Uint8Array.from(blob),
  watcher?: SearchWatcher,
) {
  const clock = new SimulatedClock();
  const lines: { level: LogLevel; line: string }[] = [];
  const giveUp = new AbortController();
  let sourceSignal: AbortSignal | undefined;
  let report: (servers: readonly Server[]) => void = () => {};
  const result = obtainPassword({
    sources: [
      (give, signal) => {
        report = give;
        sourceSignal = signal;
      },
    ],
    fetch,
    decrypt,
    retryMs: 10_000,
    log: createLog({ write: (level, line) => lines.push({ level, line }) }, 'debug'),
    signal: giveUp.signal,
    clock,
    random: seededRandom(1),
    watcher,
  });
  result.catch(() => {}); // each test looks at it when it is due
  const infos = () => lines.filter(({ level }) => level === 'info').map(({ line }) => line);
  return {
    clock,
    giveUp,
    result,
    lines,
    infos,
    found: (...servers: Server[]) => report(servers),
    sourceStopped: () => sourceSignal?.aborted,
  };
}

/** Settles when the signal aborts only. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

const refuse: Fetch = async () => {
  throw new MandosError('FETCH_REFUSED', 'closed the connection without sending a password');
};

test('the first password wins; other tries, the source and all timers are stopped', async () => {
  const signals: AbortSignal[] = [];
  const { clock, result, found, sourceStopped } = search(async (target, signal) => {
    signals.push(signal);
    if (target.host === 'good') return Uint8Array.of(1, 2, 3);
    return hang(signal);
  });
  found(server('slow'), server('good'));
  await clock.pass(0);
  const { password, target } = await result;
  assert.deepEqual(password, Uint8Array.of(1, 2, 3));
  assert.equal(target.host, 'good');
  assert.deepEqual(
    signals.map(signal => signal.aborted),
    [true, true],
  );
  assert.equal(sourceStopped(), true);
  assert.equal(clock.pending, 0);
  found(server('late'));
  assert.equal(signals.length, 2);
});

test('the encrypted password is wiped, also when it cannot be decrypted', async () => {
  const blobs: Uint8Array[] = [];
  let fetches = 0;
  const { clock, result, found } = search(
    async () => {
      blobs.push(Uint8Array.of(++fetches, 9));
      return blobs.at(-1) as Uint8Array;
    },
    async blob => {
      if (blob[0] === 1) throw new MandosError('DECRYPT', 'not for this key');
      return Uint8Array.of(7);
    },
  );
  found(server('a'));
  await clock.pass(1000);
  assert.deepEqual((await result).password, Uint8Array.of(7));
  assert.deepEqual(blobs, [Uint8Array.of(0, 0), Uint8Array.of(0, 0)]);
});

test('a password that comes too late is wiped', async () => {
  const passwords = [Uint8Array.of(1), Uint8Array.of(2)];
  let decrypted = 0;
  let finishSecond: () => void = () => {};
  const { clock, result, found } = search(
    async () => new Uint8Array(1),
    async () => {
      const password = passwords[decrypted++] as Uint8Array;
      if (decrypted === 1) await new Promise<void>(resolve => (finishSecond = resolve));
      return password;
    },
  );
  found(server('a'), server('b'));
  await clock.pass(0);
  assert.equal((await result).password, passwords[1]);
  finishSecond();
  await clock.pass(0);
  assert.deepEqual(passwords, [Uint8Array.of(0), Uint8Array.of(2)]);
});

test('a server is asked until it has the password, whatever it did before', async () => {
  let tries = 0;
  const faults = [
    new MandosError('FETCH_CONNECT', 'cannot connect'),
    new MandosError('FETCH_TLS', 'no TLS'),
    new MandosError('FETCH_REFUSED', 'closed'),
    new MandosError('FETCH_TOO_LARGE', 'too much'),
    new Error('anything'),
  ];
  const { clock, result, found } = search(async () => {
    const fault = faults[tries++];
    if (fault) throw fault;
    return Uint8Array.of(1);
  });
  found(server('a'));
  await clock.pass(60_000);
  assert.deepEqual((await result).password, Uint8Array.of(1));
  assert.equal(tries, 6);
});

test('it rejects only when it is told to give up, and then stops everything', async () => {
  const signals: AbortSignal[] = [];
  const { clock, giveUp, result, found, sourceStopped } = search(async (_, signal) => {
    signals.push(signal);
    return hang(signal);
  });
  found(server('a'));
  await clock.pass(3_600_000);
  giveUp.abort(new Error('told to stop'));
  await assert.rejects(result, /told to stop/);
  assert.deepEqual(
    signals.map(signal => signal.aborted),
    [true],
  );
  assert.equal(sourceStopped(), true);
  assert.equal(clock.pending, 0);
});

test('it does not begin when it has been told to give up already', async () => {
  await assert.rejects(
    obtainPassword({
      sources: [() => assert.fail('begun')],
      fetch: refuse,
      decrypt: async blob => blob,
      retryMs: 1,
      log: createLog({ write: () => {} }, 'debug'),
      signal: AbortSignal.abort(new Error('before')),
      clock: new SimulatedClock(),
      random: Math.random,
    }),
    /before/,
  );
});

test('each state of a server is said once, however often it is tried', async () => {
  let reachable = false;
  const { clock, found, infos, lines } = search(async (...args) => {
    if (!reachable) throw new MandosError('FETCH_CONNECT', 'cannot connect: refused');
    return refuse(...args);
  });
  found(server('fe80::1%eth0'));
  await clock.pass(120_000);
  reachable = true;
  await clock.pass(120_000);
  found();
  assert.deepEqual(infos(), [
    'found server "Mandos" at fe80::1%eth0 port 4711',
    'server "Mandos" at fe80::1%eth0 port 4711 could not be reached: cannot connect: refused',
    'server "Mandos" at fe80::1%eth0 port 4711 refused: closed the connection without sending a password',
    'server "Mandos" at fe80::1%eth0 port 4711 is not announced any more',
  ]);
  assert.ok(lines.length > 20, 'retries are told at debug level');
});

test('a server that comes back is news again, and so is its failure', async () => {
  const { clock, found, infos } = search(refuse);
  for (let i = 0; i < 2; i++) {
    found(server('a'));
    await clock.pass(100);
    found();
  }
  assert.equal(infos().filter(line => line.includes('refused')).length, 2);
});

test('a server given by its address is not said to be found', async () => {
  const { clock, found, infos } = search(refuse);
  found(server('192.0.2.1', 'given'));
  await clock.pass(0);
  assert.deepEqual(infos(), [
    'server 192.0.2.1 port 4711 refused: closed the connection without sending a password',
  ]);
});

test('false servers by the thousand do not fill the console', async () => {
  const { clock, found, infos } = search(refuse);
  for (let round = 0; round < 50; round++) {
    found(...Array.from({ length: 64 }, (_, i) => server(`false${round}-${i}`)));
    await clock.pass(100);
  }
  assert.ok(infos().length <= 25, `${infos().length} lines`);
  assert.match(infos().at(-1) ?? '', /--debug/);
});

test('a true server gets its turn beside servers that accept and say nothing', async () => {
  const { clock, result, found } = search(async (target, signal, { connected }) => {
    connected();
    if (target.host === 'true') return Uint8Array.of(5);
    return hang(signal);
  });
  const tarpits = Array.from({ length: 3 * MAX_TRIES }, (_, i) => server(`tarpit${i}`));
  found(...tarpits);
  await clock.pass(1000);
  found(...tarpits, server('true'));
  await clock.pass(5 * SILENT_PREEMPT_AFTER_MS);
  assert.equal((await result).target.host, 'true');
});

test('a watcher is told of all servers at each change, and of each try that failed', async () => {
  const told: string[] = [];
  const watcher: SearchWatcher = {
    serversChanged: servers => told.push(`known ${servers.map(({ key }) => key).join()}`),
    tryFailed: ({ serverKey, target }, error) =>
      told.push(`${serverKey} ${target.host} ${describeError(error)}`),
  };
  const no: Fetch = async ({ host }) => {
    if (host === 'b') return Uint8Array.of(1);
    throw new MandosError('FETCH_REFUSED', 'refused');
  };
  const undecryptable = () => Promise.reject(new MandosError('DECRYPT_DAMAGED', 'damaged'));
  const { clock, found, giveUp } = search(no, undecryptable, watcher);
  found(server('a'));
  await clock.pass(0);
  found(server('a'), server('b'));
  await clock.pass(0);
  found(server('b'));
  giveUp.abort();
  await clock.pass(0);
  assert.deepEqual(told, ['known a', 'a a refused', 'known a,b', 'b b damaged', 'known b']);
});
