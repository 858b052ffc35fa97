import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { countErrors, formatFault } from '../../../common/config-fault.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { loadClients } from '../../../server/clients-config.js';
import { systemFiles } from '../../../server/config/files.js';
import { requires } from '../../support/requires.js';
import { CLIENTS_CASES } from './clients-corpus.js';
import { assertParity } from './difference.js';
import type { OriginalClient } from './original.js';
import { askOriginal, fileInput } from './original.js';

test('clients.conf means what it means to the original', requires('mandos'), async t => {
  const directory = mkdtempSync(join(tmpdir(), 'clients-parity-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'secret'), Buffer.from('85ff000a0d', 'hex'), { mode: 0o600 });
  writeFileSync(join(directory, 'empty'), '');
  const environment = { HOME: directory, SECRET_DIRECTORY: directory };
  const theirs = askOriginal<OriginalClient[]>(
    'clients',
    CLIENTS_CASES.map(({ text }) => fileInput(text)),
    environment,
  );
  for (const [i, { name, text, difference }] of CLIENTS_CASES.entries()) {
    await t.test(name, () => {
      writeFileSync(join(directory, 'clients.conf'), text, { mode: 0o600 });
      const { clients, faults } = loadClients(directory, {
        ...systemFiles,
        environment: variable => (environment as Record<string, string>)[variable],
        homeOf: () => directory,
      });
      const ours = countErrors(faults) > 0 ? 'refused' : inOriginalTerms(clients);
      const outcome = theirs[i];
      assert.ok(outcome);
      const original = 'result' in outcome ? outcome.result : 'refused';
      assertParity(ours, original, difference, faults.map(formatFault).join('\n'));
    });
  }
});

function inOriginalTerms(clients: readonly ClientSettings[]): OriginalClient[] {
  return clients.map(client => ({
    name: client.name,
    key_id: client.keyId?.toUpperCase() ?? '',
    fingerprint: client.fingerprint?.toUpperCase() ?? '',
    secret: Buffer.from(client.secret).toString('hex'),
    host: client.host,
    checker: client.checker,
    approved_by_default: client.approvedByDefault,
    enabled: client.enabled,
    durations: {
      timeout: client.timeoutMs,
      extended_timeout: client.extendedTimeoutMs,
      interval: client.intervalMs,
      approval_delay: client.approvalDelayMs,
      approval_duration: client.approvalDurationMs,
    },
  }));
}
