import { readFileSync } from 'node:fs';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { DEFAULT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';

/**
 * A fleet in one process: `node load.js ADDRESS PORT KEYDIR RELEASES SIMULTANEOUS BYTES` asks for the secret so often
 * and prints what it saw as JSON.
 */
const [address = '', port = '', keys = '', releases = '', simultaneous = '', bytes = ''] =
  process.argv.slice(2);
const context = new TlsContext(DEFAULT_PRIORITY, {
  publicKey: readFileSync(`${keys}/tls-pubkey.pem`),
  privateKey: readFileSync(`${keys}/tls-privkey.pem`),
});
const never = new AbortController().signal;
const latenciesMs: number[] = [];
const faults: string[] = [];
let left = Number(releases);

async function one(): Promise<void> {
  const startMs = performance.now();
  try {
    const secret = await fetchSecret(address, Number(port), context, never);
    if (secret.length !== Number(bytes)) faults.push(`${secret.length} bytes`);
    latenciesMs.push(performance.now() - startMs);
  } catch (error) {
    faults.push(String(error));
  }
}

async function worker(): Promise<void> {
  while (left-- > 0) await one();
}

const startMs = performance.now();
await Promise.all(Array.from({ length: Number(simultaneous) }, worker));
const seconds = (performance.now() - startMs) / 1000;
latenciesMs.sort((a, b) => a - b);
const at = (share: number) =>
  latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))];
process.stdout.write(
  JSON.stringify({
    ok: latenciesMs.length,
    faults: faults.slice(0, 3),
    seconds,
    p50: at(0.5),
    p99: at(0.99),
  }),
);
