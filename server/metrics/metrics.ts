import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { MetricsServer } from './http.js';
import { serveText } from './http.js';
import { createSeries } from './series.js';
import type { MetricSources } from './sources.js';

/**
 * Serves metrics for Prometheus (docs/metrics.md). Who loads this module loads prom-client: only where metrics are
 * wanted.
 * @param place as `metrics` in mandos.conf(5) has it
 * @returns undefined when it cannot, which the log says: no machine is to stay down for want of metrics
 */
export async function serveMetrics(
  place: string,
  sources: MetricSources,
  log: Log,
): Promise<MetricsServer | undefined> {
  try {
    const series = createSeries(sources);
    const server = await serveText(place, series.contentType, () => series.metrics());
    log.info(`metrics: ${server.where}`);
    return server;
  } catch (error) {
    log.error(`${describeError(error)}; serving on without them`);
    return undefined;
  }
}
