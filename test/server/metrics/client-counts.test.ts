import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../../server/client/client.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { Registry } from '../../../server/client/registry.js';
import { ClientCounts } from '../../../server/metrics/client-counts.js';
import { seededRandom } from '../../client-plugin/simulation.js';
import { client, FAILED, OK } from './scene.js';

/** By looking at each of them. */
function countAll(clients: Iterable<Client>) {
  const all = [...clients];
  const enabled = all.filter(each => each.enabled);
  return {
    enabled: enabled.length,
    disabled: all.length - enabled.length,
    failing: enabled.filter(({ lastCheck }) => lastCheck === FAILED).length,
    pending_approval: all.filter(({ pendingApprovals }) => pendingApprovals > 0).length,
  };
}

test('clients that change, come and go at random are counted as they are', () => {
  const random = seededRandom(7);
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
  const randomState = (): Partial<Client> => ({
    enabled: random() < 0.5,
    lastCheck: pick([undefined, OK, FAILED]),
    pendingApprovals: pick([0, 0, 1, 3]),
  });
  const names = Array.from({ length: 50 }, (_, i) => `client${i}`);
  const registry = new Registry(names.slice(0, 25).map(name => client(name, randomState())));
  const counts = new ClientCounts(registry);
  registry.events.subscribe(event => counts.hear(event));
  for (let i = 0; i < 5000; i++) {
    const name = pick(names);
    const what = random();
    if (what < 0.1) registry.add(client(name, randomState()), BY_CONFIGURATION);
    else if (what < 0.2) registry.remove(name, BY_CONFIGURATION);
    else registry.update(name, current => ({ ...current, ...randomState() }));
    assert.deepEqual(counts.counts, countAll(registry), `step ${i}`);
  }
});
