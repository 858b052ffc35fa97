import type { Client } from './client.js';
import { isExpired } from './client.js';

/** What becomes of a request; `reason` is what the log shows. */
export type Verdict =
  | { readonly kind: 'release'; readonly client: Client }
  | { readonly kind: 'refuse'; readonly client: Client | undefined; readonly reason: string };

/**
 * Decides whether whoever proved this key may have the secret now.
 * @param client who the key ID belongs to, if anybody
 * @param keyId of the proven key
 * @param nowMs milliseconds since the Unix epoch
 */
export function decideRelease(client: Client | undefined, keyId: string, nowMs: number): Verdict {
  const refuse = (reason: string): Verdict => ({ kind: 'refuse', client, reason });
  if (!client) return refuse(`unknown key ID ${keyId.toUpperCase()}`);
  const { name, approvedByDefault } = client.settings;
  if (!client.enabled) return refuse(`client ${name} is disabled`);
  // Timers can be late; a client's time is not.
  if (isExpired(client, nowMs)) return refuse(`client ${name} has expired`);
  // Nobody can approve a request yet, so that what holds after approval_delay holds at once.
  if (!approvedByDefault) return refuse(`client ${name} is not approved by default`);
  return { kind: 'release', client };
}
