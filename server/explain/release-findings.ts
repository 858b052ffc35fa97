import type { Finding } from '../../common/explanation.js';
import { note, ok, problem, unknown } from '../../common/explanation.js';
import { shellQuote } from '../client/checker-expansion.js';
import { isSuccess } from '../client/checks.js';
import { releaseWindowAt } from '../client/release-window.js';
import type { CheckFacts, Facts, SubjectFacts } from './facts.js';

/** Commands that succeed whatever the machine does. */
const ALWAYS_SUCCEEDS = /^(?:(?::|(?:(?:\/usr)?\/bin\/)?true)(?:[ \t][^;&|<>\n]*)?|exit 0)?;?$/;

/** The client's own limits, which no approval clears away; those that are not set are not mentioned. */
export function limitFindings({ subject, check, minuteOfWeek }: Facts): Finding[] {
  if (!subject?.client) return [];
  return [
    ...windowFindings(subject, minuteOfWeek),
    ...countFindings(subject),
    ...releaseCheckFindings(subject, check),
  ];
}

function windowFindings({ name, client }: SubjectFacts, minuteOfWeek: number): Finding[] {
  const text = client?.settings.releaseWindow ?? '';
  if (text === '') return [];
  const isOpen = releaseWindowAt(text, minuteOfWeek);
  if (isOpen === true) return [ok(`its release_window is open (${text})`)];
  return [
    problem(
      `${name} is outside its release_window (${text}), which begins again ${isOpen.nextBegin}`,
      'wait until then, or change release_window and reload',
    ),
  ];
}

function countFindings({ name, client, knowsLimits }: SubjectFacts): Finding[] {
  const most = client?.settings.maxReleases ?? 0;
  if (!client || most === 0) return [];
  const quoted = shellQuote(name);
  const anew = `it begins anew with "mandos-ctl --disable ${quoted}" and "mandos-ctl --enable ${quoted}"`;
  if (!knowsLimits) {
    const often = most === 1 ? 'once' : `${most} times`;
    const text = `${name} gets its password ${often} at most (max_releases); how often it has is not shown`;
    return [unknown(text, `see the server's log; ${anew}`)];
  }
  const taken = client.releasesSinceEnabled;
  const text = `${name} has had ${taken} of ${most} releases since it was enabled (max_releases)`;
  return [taken < most ? ok(text) : problem(text, anew)];
}

function releaseCheckFindings({ client }: SubjectFacts, check: CheckFacts | undefined): Finding[] {
  if (client?.settings.releaseCheck !== 'deny') return [];
  const text = 'release_check is "deny": who asks while the checker succeeds is refused';
  if (ALWAYS_SUCCEEDS.test(client.settings.checker.trim())) {
    const advice = 'set a checker that fails while the machine boots, or release_check = warn';
    return [problem(`${text}, and this checker always does`, advice)];
  }
  if (!check?.outcome || !isSuccess(check.outcome)) return [ok(text)];
  return [note(`${text}, as it does now`, 'it has to fail while the machine boots')];
}
