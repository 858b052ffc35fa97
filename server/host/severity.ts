import type { LogLevel } from '../../common/log.js';

/** The severities of syslog(3), which the journal shares. */
export const SYSLOG_SEVERITIES: Readonly<Record<LogLevel, number>> = {
  critical: 2,
  error: 3,
  warning: 4,
  info: 6,
  debug: 7,
};
