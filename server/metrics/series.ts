import type { Registry } from 'prom-client';
import { Histogram } from 'prom-client';
import type { CheckOutcome } from '../client/client.js';
import type { ClientEvent } from '../client/events.js';
import type { Refusal } from '../client/release-policy.js';
import { SeriesBuilder } from './builder.js';
import { ClientCounts } from './client-counts.js';
import { addProcessSeries } from './process-series.js';
import type { ConnectionCounts, MetricSources } from './sources.js';

/** From a ping on the same network to a checker that hangs. */
const CHECK_SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** Statuses of a shell that could not run the command (POSIX, sh, EXIT STATUS). */
const NOT_RUN = [126, 127];

const CHECK_RESULTS = ['succeeded', 'failed', 'not_run'] as const;
const REFUSAL_CODES = Object.keys({
  unknown: true,
  disabled: true,
  denied: true,
  'approval-timeout': true,
  'outside-window': true,
  'too-many-releases': true,
  'too-many-pending': true,
  impostor: true,
} satisfies Record<Refusal['code'], true>);
const ORIGINS = ['checks', 'operator', 'configuration'];

/**
 * All series that the server exports (docs/metrics.md), kept up to date by the clients' events. None is labelled by
 * client: 100,000 clients would be as many series of each kind, and who can read metrics need not know the names.
 */
export function createSeries(sources: MetricSources): Registry {
  const builder = new SeriesBuilder();
  addCurrentSeries(builder, sources);
  if (sources.connections) addConnectionSeries(builder, sources.connections.bind(sources));
  addProcessSeries(builder);
  countEvents(builder, sources);
  return builder.registry;
}

/** How things are. */
function addCurrentSeries(builder: SeriesBuilder, sources: MetricSources): void {
  const clients = new ClientCounts(sources.clients);
  sources.clients.events.subscribe(event => clients.hear(event));
  builder.gauges(
    'mandos_clients',
    'Clients by state: each is enabled or disabled, and may be in other states besides',
    'state',
    () => ({ ...clients.counts, expiring_soon: sources.expiringSoon() }),
  );
  builder.gauge(
    'mandos_next_expiry_seconds',
    'Time until the next client is disabled if nothing is heard of it; +Inf when none expires',
    () => Math.max(0, (sources.nextExpiryMs() - sources.nowMs()) / 1000),
  );
  builder.gauge(
    'mandos_state_stored',
    'Whether the state could be stored when that was last tried: 1 or 0',
    () => (sources.isStored() ? 1 : 0),
  );
  builder.totals('mandos_hook_events_total', 'Events for on_event, by what became of them', 'result', () =>
    sources.alerts(),
  );
  builder.info('mandos_build_info', 'What runs: always 1', {
    version: sources.version,
    node_version: process.version,
  });
}

function addConnectionSeries(builder: SeriesBuilder, connections: () => ConnectionCounts): void {
  builder.gauge('mandos_connections', 'Connections that are open', () => connections().connections);
  builder.total(
    'mandos_connections_admitted_total',
    'Connections that were admitted',
    () => connections().admitted,
  );
  builder.totals(
    'mandos_connections_refused_total',
    'Connections that were refused before anything was read, by code',
    'code',
    () => connections().refused,
  );
}

/** What happens. */
function countEvents(builder: SeriesBuilder, sources: MetricSources): void {
  const releases = builder.counter('mandos_releases_total', 'Passwords that were sent');
  const interrupted = builder.counter(
    'mandos_releases_interrupted_total',
    'Connections that ended before the password was sent whole',
  );
  const refusals = builder.counters(
    'mandos_refusals_total',
    'Requests that came to nothing, by code',
    'code',
    REFUSAL_CODES,
  );
  const impostors = builder.counter(
    'mandos_impostors_total',
    'Requests with the key of a machine that its checker found up',
  );
  const disabled = builder.counters(
    'mandos_disabled_total',
    'Clients that were disabled, by whom',
    'by',
    ORIGINS,
  );
  const checks = builder.counters(
    'mandos_checks_total',
    'Checks that have ended, by result',
    'result',
    CHECK_RESULTS,
  );
  const durations = new Histogram({
    name: 'mandos_check_duration_seconds',
    help: 'How long checks took',
    registers: [builder.registry],
    buckets: CHECK_SECONDS,
  });
  /** When the check of which client has begun. One that is stopped leaves its time, which the next one takes. */
  const begunMs = new Map<string, number>();
  const count = (event: ClientEvent) => {
    switch (event.kind) {
      case 'released':
        return releases.inc();
      case 'release-interrupted':
        return interrupted.inc();
      case 'refused':
        return refusals.inc({ code: event.refusal.code });
      case 'impostor':
        return impostors.inc();
      case 'disabled':
        return disabled.inc({ by: event.by.kind });
      case 'checker-started':
        return void begunMs.set(event.client.settings.name, sources.nowMs());
      case 'checker-completed': {
        const { name } = event.client.settings;
        const sinceMs = begunMs.get(name);
        begunMs.delete(name);
        checks.inc({ result: resultOf(event.outcome) });
        if (sinceMs !== undefined) durations.observe((sources.nowMs() - sinceMs) / 1000);
        return undefined;
      }
      case 'removed':
        return void begunMs.delete(event.client.settings.name);
      case 'added':
      case 'approval-needed':
      case 'approved':
      case 'changed':
      case 'enabled':
      case 'expiring-soon':
      case 'settings-changed':
        return undefined;
    }
  };
  sources.clients.events.subscribe(count);
}

function resultOf(outcome: CheckOutcome): (typeof CHECK_RESULTS)[number] {
  if (outcome.kind === 'killed') return 'failed';
  if (outcome.status === 0) return 'succeeded';
  return NOT_RUN.includes(outcome.status) ? 'not_run' : 'failed';
}
