import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';

/**
 * load.c where there is no C compiler: the same arguments, the same output.
 * `node load.js ADDRESS PORT KEY-DIRECTORY RELEASES SIMULTANEOUS RATE SECRET-FILE`
 */
const [address = '', port = '', keys = '', releases = '', simultaneous = '', rate = '', secretFile = ''] =
  process.argv.slice(2);
const expected = readFileSync(secretFile);
const context = new TlsContext(CLIENT_PRIORITY, {
  publicKey: readFileSync(`${keys}/tls-pubkey.pem`),
  privateKey: readFileSync(`${keys}/tls-privkey.pem`),
});
const never = new AbortController().signal;
const latenciesMs: number[] = [];
const faults: string[] = [];
let next = 0;

async function one(dueMs: number): Promise<void> {
  try {
    const secret = await fetchSecret(address, Number(port), context, never);
    if (!expected.equals(secret)) throw new Error('these are not the expected bytes');
    latenciesMs.push(performance.now() - dueMs);
  } catch (error) {
    faults.push(String(error));
  }
}

async function worker(): Promise<void> {
  while (next < Number(releases)) {
    const place = next++;
    const dueMs = Number(rate) > 0 ? startMs + (place * 1000) / Number(rate) : performance.now();
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    await one(dueMs);
  }
}

const startMs = performance.now();
await Promise.all(Array.from({ length: Number(simultaneous) }, worker));
const seconds = (performance.now() - startMs) / 1000;
latenciesMs.sort((a, b) => a - b);
const at = (share: number) =>
  latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0;
process.stdout.write(
  JSON.stringify({
    ok: latenciesMs.length,
    faults: faults.slice(0, 3),
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
  }),
);
