import { createClient } from '../../../server/client/client.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CHECKS, BY_CONFIGURATION } from '../../../server/client/events.js';
import { approve } from '../../../server/client/releases.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

export const NOW_MS = Date.UTC(2026, 2, 1, 4, 5, 6, 789);
const SECRET = 'correct horse battery staple';

const client = {
  ...createClient(
    { ...TEST_SETTINGS, name: 'web1', secret: Buffer.from(SECRET), releaseCheck: 'warn' },
    NOW_MS,
    0,
  ),
  releases: 3,
};
const keyId = 'ab'.repeat(32);
const stranger = 'cd'.repeat(32);
const peer = { address: 'fe80::1%eth0', port: 40_000 };
const operator = (uid: number | undefined) => ({ kind: 'operator', uid }) as const;

/** A verdict of each kind, as docs/audit-log.md has them. */
export const VERDICTS: readonly ClientEvent[] = [
  { kind: 'released', client, keyId, peer },
  { kind: 'release-interrupted', client, keyId, peer },
  {
    kind: 'refused',
    client: undefined,
    keyId: stranger,
    // As a socket for both families says it.
    peer: { address: '::ffff:192.0.2.7', port: 40_001 },
    refusal: {
      kind: 'refuse',
      client: undefined,
      code: 'unknown',
      reason: `unknown key ID ${stranger.toUpperCase()}`,
    },
  },
  { kind: 'impostor', client, keyId, peer },
  { kind: 'approval-needed', client, keyId, peer, delayMs: 30_000 },
  { kind: 'approved', client: approve(client, true, NOW_MS), by: operator(1000), granted: true },
  { kind: 'approved', client: approve(client, false, NOW_MS), by: operator(undefined), granted: false },
  { kind: 'enabled', client, by: operator(0) },
  {
    kind: 'disabled',
    client,
    by: BY_CHECKS,
    reason: 'it was last seen 300 s ago, and its timeout is 300 s',
  },
  { kind: 'added', client, by: BY_CONFIGURATION },
  { kind: 'removed', client, by: operator(0) },
  { kind: 'settings-changed', client, by: BY_CONFIGURATION, settings: ['extendedTimeoutMs', 'secret'] },
];

/** What else happens to clients. */
export const NO_VERDICTS: readonly ClientEvent[] = [
  { kind: 'changed', client, before: client },
  { kind: 'checker-started', client, command: 'true' },
  { kind: 'checker-completed', client, command: 'true', outcome: { kind: 'exited', status: 0 } },
];

/** A refusal that says which one it is. */
export function numbered(number: number): ClientEvent {
  const refusal = { kind: 'refuse', client, code: 'disabled', reason: String(number) } as const;
  return { kind: 'refused', client, keyId, peer, refusal };
}

/** The same, of a key that no client has. */
export function numberedUnknown(number: number): ClientEvent {
  const refusal = { kind: 'refuse', client: undefined, code: 'unknown', reason: String(number) } as const;
  return { kind: 'refused', client: undefined, keyId: stranger, peer, refusal };
}
