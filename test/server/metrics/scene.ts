import type { Client, CheckOutcome } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import { Registry } from '../../../server/client/registry.js';
import { createSeries } from '../../../server/metrics/series.js';
import type { MetricSources } from '../../../server/metrics/sources.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

export const OK: CheckOutcome = { kind: 'exited', status: 0 };
export const FAILED: CheckOutcome = { kind: 'exited', status: 1 };
export const PEER = { address: '192.0.2.7', port: 40_001 };
export const KEY_ID = 'ab'.repeat(32);

export function client(name: string, change: Partial<Client> = {}): Client {
  const keyId = Buffer.from(name.padEnd(32)).toString('hex');
  return { ...createClient({ ...TEST_SETTINGS, name, keyId }, 0, 0), ...change };
}

/** All series of these clients, and the values that a scrape gives, by series with its labels. */
export function makeSeries(clients: readonly Client[], change: Partial<MetricSources> = {}) {
  const registry = new Registry(clients);
  let nowMs = 1_000_000;
  const series = createSeries({
    version: '1.2.3',
    clients: registry,
    nowMs: () => nowMs,
    nextExpiryMs: () => Infinity,
    expiringSoon: () => 0,
    isStored: () => true,
    alerts: () => ({ delivered: 0, failed: 0, dropped: 0 }),
    connections: () => ({ connections: 0, admitted: 0, refused: { 'too-many': 0 } }),
    ...change,
  });
  const scrape = async () => {
    const text = await series.metrics();
    const rows = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
    return new Map(
      rows.map(row => {
        const at = row.lastIndexOf(' ');
        return [row.slice(0, at), Number(row.slice(at + 1).replace('Inf', 'Infinity'))];
      }),
    );
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { registry, series, scrape, pass };
}
