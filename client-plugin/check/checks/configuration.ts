import { describeError } from '../../../common/errors.js';
import { bootOptions } from '../client-words.js';
import { fail, ok } from '../finding.js';
import type { Finding } from '../finding.js';
import type { Subject } from '../subject.js';

/** Whether plugin-runner.conf is what the system has now, and can be understood. */
export function checkConfiguration(subject: Subject): Finding[] {
  const { configuration, host, update } = subject;
  const content = configuration?.content;
  const findings: Finding[] = [];
  if (host.configuration !== undefined && content === undefined)
    findings.push(fail('configuration', `${host.configurationPath} is not in the image: run ${update}`));
  // Those who make images put lines before it.
  else if (
    content !== undefined &&
    !content
      .subarray(content.length - (host.configuration?.length ?? 0))
      .equals(host.configuration ?? Buffer.alloc(0))
  )
    findings.push(
      fail(
        'configuration',
        `${host.configurationPath} is not as in the image, which has an older state: run ${update}`,
      ),
    );
  try {
    bootOptions(content?.toString() ?? '');
  } catch (error) {
    findings.push(
      fail(
        'configuration',
        `mandos-client does not start with what ${host.configurationPath} of the image tells it (${describeError(error)}): correct it, then run ${update}`,
      ),
    );
  }
  if (findings.length > 0 || content === undefined) return findings;
  return [ok('configuration', `as in ${host.configurationPath}`)];
}
