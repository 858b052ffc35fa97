import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../../server/client/client.js';
import { enable } from '../../../server/client/client.js';
import { reconfigure } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import type { Difference } from './client-states.js';
import { SETTINGS, good, off, neverEnabled, difference, DISABLED, set } from './client-states.js';

/** What the configuration said, what was set at run time, what the configuration says now; what is another then. */
const RELOADS: readonly (readonly [string, Client, Partial<ClientSettings>, Difference])[] = [
  [
    'another value changes it as at run time',
    good,
    { timeoutMs: 7_000 },
    { settings: { timeoutMs: 7_000 }, expiresMs: 7_600 },
  ],
  [
    'what was set at run time is kept',
    set(good, { host: 'h' }, 700),
    { checker: 'c' },
    { settings: { checker: 'c' } },
  ],
  [
    'but not when the configuration has another value for it',
    set(good, { host: 'h' }, 700),
    { host: 'h2' },
    { settings: { host: 'h2' } },
  ],
  [
    'an interval set at run time goes on undisturbed',
    set(good, { intervalMs: 3_000 }, 700),
    { host: 'h2' },
    { settings: { host: 'h2' } },
  ],
  [
    'a new interval begins with a check now',
    good,
    { intervalMs: 4_000 },
    { settings: { intervalMs: 4_000 }, nextCheckMs: 1_000 },
  ],
  ['enabled = False disables', good, { enabled: false }, { ...DISABLED, settings: { enabled: false } }],
  [
    'a timeout that is over disables',
    good,
    { timeoutMs: 100 },
    { ...DISABLED, settings: { timeoutMs: 100 } },
  ],
  [
    'other settings do not enable whom an operator has disabled',
    off,
    { host: 'h2' },
    { settings: { host: 'h2' } },
  ],
  [
    'nor disable whom an operator has enabled',
    enable(neverEnabled, 900),
    { enabled: false, host: 'h2' },
    { settings: { host: 'h2' } },
  ],
  [
    'enabled = True enables',
    neverEnabled,
    { enabled: true, intervalMs: 3_000 },
    {
      settings: { enabled: true, intervalMs: 3_000 },
      enabled: true,
      lastEnabledMs: 1_000,
      expiresMs: 7_000,
      nextCheckMs: 4_000,
      unchecked: false,
    },
  ],
  [
    'what it had never named is the configuration’s',
    { ...set(good, { host: 'h' }, 700), configured: undefined },
    {},
    {
      settings: { host: SETTINGS.host },
    },
  ],
];

for (const [what, before, change, expected] of RELOADS) {
  test(`reload: ${what}`, () => {
    const configured = { ...(before.configured ?? SETTINGS), ...change };
    const { configured: now, ...rest } = difference(before, reconfigure(before, configured, 1_000));
    assert.equal(now, configured);
    assert.deepEqual(rest, expected);
  });
}
