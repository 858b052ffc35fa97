/** The options of mandos-clients.conf(5) and the values that they have when no section sets them. */
export const CLIENT_DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['timeout', 'PT5M'],
  ['extended_timeout', 'PT15M'],
  ['interval', 'PT2M'],
  ['checker', 'fping -q -- %%(host)s'],
  ['host', ''],
  ['approval_delay', 'PT0S'],
  ['approval_duration', 'PT1S'],
  ['approved_by_default', 'True'],
  ['enabled', 'True'],
  ['release_check', 'warn'],
  ['max_releases', '0'],
  ['release_window', ''],
]);

export const CLIENT_OPTIONS: ReadonlySet<string> = new Set([
  ...CLIENT_DEFAULTS.keys(),
  'key_id',
  'fingerprint',
  'secret',
  'secfile',
]);
