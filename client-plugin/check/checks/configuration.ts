import { describeError } from '../../../common/errors.js';
import { bootOptions, imageWords, readConfiguration } from '../client-words.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import type { Subject } from '../subject.js';

/** Whether the client is started with what plugin-runner.conf says now, and can be. */
export function checkConfiguration(subject: Subject): Finding[] {
  const { configuration, host, update } = subject;
  const file = host.configurationPath;
  const { faults, isDisabled } = readConfiguration(configuration?.content?.toString() ?? '');
  const findings = faults.map(fault => warning('configuration', `${file} of the image, ${fault}`));
  if (!isCurrent(subject))
    findings.push(
      fail('configuration', `${file} is not as in the image, which has an older state: run ${update}`),
    );
  if (isDisabled)
    findings.push(
      fail(
        'configuration',
        `${file} of the image disables mandos-client: take --disable out, then run ${update}`,
      ),
    );
  try {
    bootOptions(subject);
  } catch (error) {
    findings.push(
      fail(
        'configuration',
        `mandos-client does not start with what ${file} of the image tells it (${describeError(error)}): correct it, then run ${update}`,
      ),
    );
  }
  if (findings.length > 0 || host.configuration === undefined) return findings;
  return [ok('configuration', `as in ${file}`)];
}

function isCurrent(subject: Subject): boolean {
  const { client, configuration, generator, host } = subject;
  const there = host.configuration ?? Buffer.alloc(0);
  // Under systemd there is no plugin runner: the image has the client's options alone.
  if (client === 'ours' && generator === 'dracut')
    return readConfiguration(there.toString()).words.join(' ') === imageWords(subject).join(' ');
  const content = configuration?.content;
  if (content === undefined) return host.configuration === undefined;
  // Who makes the image may put lines before it.
  return content.subarray(-there.length || content.length).equals(there);
}
