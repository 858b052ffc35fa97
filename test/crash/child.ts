/*
 * A server as far as its state goes: makes random decisions until it is killed, many at once, and logs each when it is
 * asked for and when it is acknowledged. A line in a file stays when the process is killed.
 * Arguments: the state directory, the log's file, a seed, the first number of a decision, and "decide", or
 * "decide-refusable" for those that do not hold at all when they cannot be stored, or "tell" to make no decisions.
 */
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { createLog } from '../../common/log.js';
import { after } from '../../common/timer.js';
import { endCheck, startCheck } from '../../server/client/checks.js';
import type { Client } from '../../server/client/client.js';
import { createClient, disable, enable } from '../../server/client/client.js';
import { Ledger } from '../../server/client/ledger.js';
import type { Change } from '../../server/client/plan.js';
import { Registry } from '../../server/client/registry.js';
import { approve, countRelease } from '../../server/client/releases.js';
import { restoreClients } from '../../server/client/restore.js';
import { changeSettings } from '../../server/client/settings-change.js';
import type { ClientSettings } from '../../server/client/settings.js';
import { digest, openStateStore } from '../../server/state/store.js';
import { pick, seededRandom } from '../support/random.js';
import { TEST_SETTINGS } from '../support/release-server.js';
import type { Decision, DecisionKind, Model } from './model.js';
import { ADDED, DECISION_KINDS } from './model.js';

const CONFIGURED = 40;
const ADDABLE = 15;
const IN_FLIGHT_MAX = 60;
/** Nobody expires while the test runs. */
const LONG_MS = 1e9;

const [directory = '', logFile = '', seed = '', firstNumber = '', mode = ''] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const log = openSync(logFile, 'a');
const say = (line: string) => writeSync(log, `${line}\n`);
const by = { kind: 'operator', uid: 0 } as const;

const times = { timeoutMs: LONG_MS, intervalMs: LONG_MS, approvalDurationMs: 0 };
const configured: ClientSettings[] = Array.from({ length: CONFIGURED }, (_, i) => ({
  ...TEST_SETTINGS,
  ...times,
  name: `configured${i}`,
  keyId: keyIdOf(`configured${i}`),
  secret: Buffer.from('configured'),
}));
const addable = Array.from({ length: ADDABLE }, (_, i) => `added${i}`);

function keyIdOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

/** Who is to be disabled is so in any case, and who is to be removed is at least that. */
const RESTRICTING: ReadonlySet<DecisionKind> = new Set(['disable', 'remove']);

/** Neither stored nor refused yet. */
const underWay = new Set<Decision>();

const store = await openStateStore(directory);
const restored = restoreClients(configured, store.load(), { nowMs: Date.now(), random: Math.random, digest });
const registry = new Registry(restored.clients);
const ledger = new Ledger(registry, store, createLog({ write: () => {} }, 'debug'), { after });
say(`begun ${JSON.stringify([...registry].map(client => [client.settings.name, toModel(client)]))}`);
const allNames = [...configured.map(({ name }) => name), ...addable];

if (mode !== 'tell') {
  ledger.record(
    configured.map(({ name }) => name),
    restored.forgotten,
  );
  makeDecisions(Number(firstNumber));
} else await store.close();
process.stdout.write('ready\n');

function toModel({ settings, enabled, approval, releases, lastReleaseMs }: Client): Model {
  return {
    enabled,
    host: settings.host,
    secret: Buffer.from(settings.secret).toString(),
    approvedMs: approval?.untilMs ?? 0,
    releases,
    lastReleaseMs: lastReleaseMs ?? 0,
  };
}

function makeDecisions(first: number): void {
  let number = first;
  const turn = () => {
    for (let i = Math.floor(random() * 4); i > 0 && underWay.size < IN_FLIGHT_MAX; i--) {
      const decision = makeDecision(number++);
      say(`asked ${decision.number} ${decision.kind} ${decision.names.join(' ')}`);
      underWay.add(decision);
      void ledger
        .decide(decision.names.map(name => toChange(decision, name)))
        .then(
          () => say(`stored ${decision.number}`),
          () => say(`refused ${decision.number}`),
        )
        .finally(() => underWay.delete(decision));
    }
    if (random() < 0.5) endSomeCheck();
    setTimeout(turn, random() * 2);
  };
  turn();
}

function makeDecision(number: number): Decision {
  const kinds = DECISION_KINDS.filter(kind => mode === 'decide' || !RESTRICTING.has(kind));
  const kind = pick(random, kinds as [DecisionKind, ...DecisionKind[]]);
  if (kind === 'add') {
    const name = pick(random, addable as [string, ...string[]]);
    // Whether it can be added must be known, and what is under way may be refused.
    const isUncertain = [...underWay].some(({ names }) => names.includes(name));
    return { number, kind: isUncertain ? 'set' : kind, names: [name] };
  }
  const name = () => pick(random, allNames as [string, ...string[]]);
  // Configured ones that are removed stay away for ever: few are, and only the last ones.
  if (kind === 'remove' && random() < 0.95) {
    return { number, kind, names: [pick(random, addable as [string, ...string[]])] };
  }
  return { number, kind, names: [...new Set(random() < 0.3 ? [name(), name(), name()] : [name()])] };
}

function toChange({ kind, number }: Decision, name: string): Change {
  const update = (transition: (client: Client) => Client): Change => ({ kind: 'update', name, transition });
  const nowMs = Date.now();
  switch (kind) {
    case 'enable':
      return update(client => enable(client, nowMs));
    case 'disable':
      return update(disable);
    case 'set':
      return update(client => changeSettings(client, { host: `h${number}` }, nowMs));
    case 'secret':
      return update(client => changeSettings(client, { secret: Buffer.from(`s${number}`) }, nowMs));
    case 'approve':
      return update(client => approve(client, true, number));
    case 'release':
      return update(client => countRelease(client, number));
    case 'remove':
      return { kind, name, by };
    case 'add':
      return registry.find(name) ? update(client => client) : addition(name, number);
  }
}

function addition(name: string, number: number): Change {
  const settings = {
    ...TEST_SETTINGS,
    ...times,
    name,
    keyId: keyIdOf(name),
    secret: Buffer.from(ADDED.secret),
    host: `h${number}`,
  };
  return { kind: 'add', client: { ...createClient(settings, Date.now(), 0), configured: undefined }, by };
}

/** What changes beside the decisions, and is stored with them or after a while. */
function endSomeCheck(): void {
  const name = pick(random, allNames as [string, ...string[]]);
  const status = random() < 0.5 ? 0 : 1;
  registry.update(name, client => endCheck(startCheck(client), { kind: 'exited', status }, Date.now()));
}
