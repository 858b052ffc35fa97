import { dirname } from 'node:path';
import type { ConfigFault } from '../../common/config-fault.js';
import { quote } from '../../common/config-fault.js';
import type { ConfigFiles } from './files.js';
import type { Effective } from './option-source.js';

/** systemd makes it for the service (RuntimeDirectory= of the unit), so that it is missing while that is stopped. */
const RUNTIME_DIRECTORY = '/run/mandos';

/**
 * What is wrong with the paths that on_event and metrics name. Warnings, since the server goes on without either, and
 * since what is missing now may be there when it is needed.
 */
export function* pathFaults(
  onEvent: Effective<string | undefined>,
  metrics: Effective<string | undefined>,
  files: ConfigFiles,
): Generator<ConfigFault> {
  const hooks = onEvent.value === undefined ? undefined : hooksProblem(onEvent.value, files);
  if (onEvent.place && hooks !== undefined) {
    yield { ...onEvent.place, message: hooks, severity: 'warning' };
  }
  const socket = metrics.value?.startsWith('/') ? socketProblem(metrics.value, files) : undefined;
  if (metrics.place && socket !== undefined) {
    yield { ...metrics.place, message: socket, severity: 'warning' };
  }
}

function hooksProblem(path: string, files: ConfigFiles): string | undefined {
  const kind = files.kindOf(path);
  if (kind === 'missing') return `${quote(path)} does not exist: nobody hears of events`;
  if (kind === 'file') return `${quote(path)} is not executable (chmod +x): it is not run`;
  if (kind === 'other') return `${quote(path)} is neither a file nor a directory: it is not run`;
  return undefined;
}

function socketProblem(path: string, files: ConfigFiles): string | undefined {
  const directory = dirname(path);
  if (directory === RUNTIME_DIRECTORY) return undefined;
  const kind = files.kindOf(directory);
  if (kind === 'directory' || kind === 'unknown') return undefined;
  return `${quote(directory)} is not a directory: metrics cannot be served there`;
}
