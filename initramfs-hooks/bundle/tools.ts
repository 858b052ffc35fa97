import { standardErrorSink } from '../../common/log.js';
import { TOOLS_LAUNCHER } from './layout.js';
import type { TOOLS } from './layout.js';
import { start } from './programs.js';
import type { Load } from './programs.js';

/** The programs of the running system (tools.cjs). */
const PROGRAMS: Readonly<Record<(typeof TOOLS)[number], Load>> = {
  'mandos-keygen': () => import('../../client-plugin/keygen/run-keygen.js'),
  'mandos-initramfs': () => import('./run-mandos-initramfs.js'),
};

export function main(calledAs: string, argv: readonly string[]): Promise<void> {
  return start(PROGRAMS, TOOLS_LAUNCHER, calledAs, argv, standardErrorSink);
}
