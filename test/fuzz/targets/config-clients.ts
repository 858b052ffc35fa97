/* clients.conf and a file of clients.d: server/clients-config.ts, and mandos-ctl's reader of the same format. */
import { deepStrictEqual } from 'node:assert/strict';
import type { ConfigFault } from '../../../common/config-fault.js';
import { SECRET_LIMIT_BYTES } from '../../../common/protocol.js';
import { memoryFiles } from '../../server/config/memory-files.js';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

/** What stands between the two files in an input. */
const DIVIDER = '\n### clients.d\n';
/** Shorter texts stand in faults by chance. */
const SECRET_LETTERS = 16;

export const facts: TargetFacts = {
  covers: [
    'common/config',
    'common/duration',
    'server/clients-config.js',
    'server/config/',
    'monitor/ctl/clients-file.js',
    'server/client/checker',
  ],
};

export async function prepare(): Promise<Prepared> {
  const { loadClients } = await import('../../../server/clients-config.js');
  const { readClientsFile } = await import('../../../monitor/ctl/clients-file.js');
  const { formatFault } = await import('../../../common/config-fault.js');
  const { parseConfigFile } = await import('../../../common/config-file.js');
  const oneLine = (fault: ConfigFault) => {
    const text = formatFault(fault);
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    check(!/[\x00-\x1f\x7f]/.test(text), `a fault with control characters: ${JSON.stringify(text)}`);
    return text;
  };
  return {
    run(input) {
      const at = input.indexOf(DIVIDER);
      const [conf, other] =
        at < 0 ? [input, undefined] : [input.subarray(0, at), input.subarray(at + DIVIDER.length)];
      const files = memoryFiles({
        '/etc/mandos/clients.conf': conf,
        ...(other && { '/etc/mandos/clients.d/a.conf': other }),
        '/secrets/x': Buffer.from('\x85\x01\x0c\x03 a secret'),
      });
      const load = () => loadClients('/etc/mandos', files);
      const config = load();
      deepStrictEqual(load(), config, 'reading twice gives the same');
      const faults = config.faults.map(oneLine).join('\n');
      // As it is read, with what stands for bytes that are no UTF-8.
      const text = input.toString('utf8');
      for (const bytes of other ? [conf, other] : [conf]) {
        for (const line of secretLines(parseConfigFile(bytes, 'x'))) {
          // What stands elsewhere too, as a path for instance, may be quoted from there.
          const isElsewhere = text.indexOf(line) !== text.lastIndexOf(line);
          check(isElsewhere || !faults.includes(line), `a fault quotes a secret: ${line}`);
        }
      }
      if (config.faults.every(({ severity }) => severity !== 'error')) {
        for (const client of config.clients) {
          const durations = [client.timeoutMs, client.extendedTimeoutMs, client.intervalMs];
          durations.push(client.approvalDelayMs, client.approvalDurationMs);
          check(
            durations.every(ms => Number.isSafeInteger(ms) && ms >= 0),
            `durations: ${durations.join(' ')}`,
          );
          check(client.secret.length <= SECRET_LIMIT_BYTES, 'the secret is too long');
          check(/^[0-9a-f]{64}$/.test(client.keyId ?? '0'.repeat(64)), 'a key ID that is none');
        }
        const names = new Set(config.clients.map(({ name }) => name));
        check(names.size === config.clients.length, 'two clients of one name');
      }
      readClientsFile(conf, 'clients.conf', () => Buffer.from('x'));
    },
  };
}

interface Parsed {
  readonly sections: readonly { readonly options: ReadonlyMap<string, { readonly raw: string }> }[];
}

function secretLines({ sections }: Parsed): string[] {
  return sections
    .flatMap(({ options }) => options.get('secret')?.raw.split('\n') ?? [])
    .filter(line => line.length >= SECRET_LETTERS && !/["%]/.test(line));
}
