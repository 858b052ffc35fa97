/* Questions of systemd: client-plugin/password-agent, from files in a directory. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['client-plugin/password-agent/', 'client-plugin/unlock/askpass-questions.js'],
  limitBytes: 20 * 1024,
};

export async function prepare(): Promise<Prepared> {
  const { questionNames, readQuestions } =
    await import('../../../client-plugin/password-agent/question-files.js');
  const { deviceOf, parseAskFile, whyNotForUs } =
    await import('../../../client-plugin/password-agent/ask-file.js');
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-ask-'));
  return {
    run(input) {
      writeFileSync(join(directory, 'ask.fuzz'), input);
      const faults: string[] = [];
      const questions = readQuestions(directory, message => faults.push(message));
      check(
        questionNames(directory).length === 1 && questions.length + faults.length <= 1,
        'more than one question',
      );
      check(
        faults.every(fault => !fault.includes('\n')),
        `several lines: ${faults.join()}`,
      );
      const parsed = parseAskFile(input.toString('utf8'));
      if (typeof parsed === 'string') return;
      whyNotForUs(parsed);
      deviceOf(parsed);
      check(
        parsed.pid > 0 && parsed.socket.startsWith('/') && parsed.notAfterUs >= 0n,
        'a question that is none',
      );
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
