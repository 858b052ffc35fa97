import { durationText } from '../../common/duration-text.js';
import type { Finding } from '../../common/explanation.js';
import { note, ok, problem, soon, unknown } from '../../common/explanation.js';
import { listed } from '../../common/listed.js';
import { secretFormatProblem } from '../../common/secret-format.js';
import { shellQuote } from '../client/checker-expansion.js';
import { isSuccess } from '../client/checks.js';
import type { CheckOutcome, Client } from '../client/client.js';
import { isExpired } from '../client/client.js';
import { fpingFault } from '../client/fping-fault.js';
import { approvalNow } from '../client/release-policy.js';
import { differenceOfClients } from '../config-difference.js';
import type { CheckFacts, Facts, SubjectFacts } from './facts.js';
import { hexOf } from './find-client.js';
import { lookAtMessage } from './secret-recipients.js';

/** Clients of the files, for one who has mistyped a name. */
const NAMED = 10;

/** Whether the server has the client, under the key that the machine shows. */
export function identityFindings(facts: Facts): Finding[] {
  const { subject, word, meant, configuration } = facts;
  if (!subject) {
    if (configuration.forbidden.length > 0)
      return [unknown(`whether there is a client ${word} is not known`)];
    const digits = hexOf(word);
    const what =
      digits === undefined
        ? `there is no client ${word}`
        : `no client has the key ID ${digits.toUpperCase()}`;
    const hint = meant === undefined ? whoIsThere(configuration.clients) : `did you mean ${meant}?`;
    return [
      problem(
        what,
        digits === undefined ? hint : 'correct the key_id in clients.conf to that of the machine, and reload',
      ),
    ];
  }
  return [presenceFinding(facts, subject), ...differenceFindings(facts, subject), ...keyFindings(subject)];
}

function whoIsThere(clients: Facts['configuration']['clients']): string {
  if (clients.length === 0) return '"mandos-ctl" lists those that there are';
  const names = clients.map(({ name }) => name);
  return `the files have ${listed(names, NAMED)}`;
}

function presenceFinding({ configuration }: Facts, subject: SubjectFacts): Finding {
  const { name, client, configured, added, removed, stateFault, source } = subject;
  if (stateFault !== undefined) return problem(stateFault, 'the server does not start like this');
  if (removed) {
    const advice =
      'change its section in the file, or put it back with "mandos-ctl --add=FILE" when the server runs';
    return problem(`${name} was removed by an operator`, advice);
  }
  if (!client) {
    if (source === 'server') {
      const advice = 'reload ("systemctl reload mandos"), and see its log';
      return problem(`the server does not have ${name}: its section is newer, or it was removed`, advice);
    }
    return unknown(`how ${name} stands in the server is not known`);
  }
  if (source === 'state') return ok(`the server will have ${name} when it starts`);
  if (configured || configuration.forbidden.length > 0) return ok(`the server has ${name}`);
  return added
    ? ok(`the server has ${name}, which was added at run time`)
    : note(`the server has ${name}, which no file names any more: it goes at the next reload`);
}

/** What the server goes by and what the files say. */
function differenceFindings({ server }: Facts, { configured, client, source }: SubjectFacts): Finding[] {
  if (!configured || !client || source !== 'server' || server.kind !== 'on-bus') return [];
  // Whether it is enabled is its state; and no server shows a secret.
  const comparable = { ...client.settings, enabled: configured.enabled, secret: configured.secret };
  const keys = differenceOfClients([configured], [comparable]).changed.flatMap(change => change.keys);
  if (keys.length === 0) return [];
  const text = `${keys.join(', ')} in the server is not what the files say`;
  const advice = 'it was set at run time; or reload ("systemctl reload mandos") for what is new in the files';
  return [keys.includes('key_id') ? problem(text, advice) : note(text, advice)];
}

function keyFindings({ name, client, configured }: SubjectFacts): Finding[] {
  const settings = client?.settings ?? configured;
  if (!settings) return [];
  if (settings.keyId === undefined) {
    const advice = 'put in what "mandos-keygen --password" prints on the machine';
    return [problem(`${name} has no key_id that can be used`, advice)];
  }
  return [
    ok(
      `key_id ${settings.keyId.toUpperCase()}`,
      'the machine has to have it: compare what "mandos-client --explain" prints there',
    ),
  ];
}

/** Whether the client may have its secret as far as time goes. */
export function enabledFindings({ subject, nowMs }: Facts): Finding[] {
  const client = subject?.client;
  if (!client) return [];
  const { name } = client.settings;
  if (!client.enabled) {
    const advice = `if it is to be trusted still, enable it ("mandos-ctl --enable ${shellQuote(name)}")`;
    return [problem(`${name} is disabled${whyDisabled(client, nowMs)}`, advice)];
  }
  const { expiresMs } = client;
  if (expiresMs === undefined) return [ok(`${name} is enabled`)];
  if (isExpired(client, nowMs)) {
    const advice = `enable it ("mandos-ctl --enable ${shellQuote(name)}")`;
    return [problem(`${name} has expired: it did not answer its checks in time`, advice)];
  }
  const until = `${durationText(expiresMs - nowMs)} (until ${timeText(expiresMs)})`;
  return [ok(`${name} is enabled, and stays so for ${until} even if no check succeeds`)];
}

/** What is known: nobody keeps who has disabled a client, or why. */
function whyDisabled({ lastCheckedOkMs, configured, settings }: Client, nowMs: number): string {
  if (configured?.enabled === false) return ' (enabled = no in its section)';
  if (lastCheckedOkMs === undefined) return ': it was never seen, or an operator has disabled it';
  const agoMs = nowMs - lastCheckedOkMs;
  const timeout = durationText(settings.timeoutMs);
  const seen = `it was last seen ${durationText(agoMs)} ago, and its timeout is ${timeout}`;
  if (agoMs > settings.timeoutMs) return `: ${seen}`;
  return ': an operator has disabled it, or no check has succeeded since it was enabled or the server was started';
}

/** Whether the client stays enabled: its checks. */
export function checkFindings({ subject, check, nowMs }: Facts): Finding[] {
  const client = subject?.client;
  if (!client) return [];
  return [lastCheckFinding(client, nowMs), ...(check ? runFindings(client, check) : [])];
}

function lastCheckFinding({ lastCheck, lastCheckedOkMs }: Client, nowMs: number): Finding {
  const seen =
    lastCheckedOkMs === undefined
      ? 'it was never seen to be up'
      : `it was last seen to be up ${durationText(nowMs - lastCheckedOkMs)} ago (${timeText(lastCheckedOkMs)})`;
  if (!lastCheck) return note(`no check has ended yet; ${seen}`);
  return isSuccess(lastCheck)
    ? ok(`its last check succeeded; ${seen}`)
    : note(`its last check failed: ${outcomeText(lastCheck)}; ${seen}`);
}

function runFindings({ enabled }: Client, { command, user, outcome, said, limitMs }: CheckFacts): Finding[] {
  const run = `run now as ${user}: ${command}`;
  if (outcome && isSuccess(outcome)) return [ok(`the checker succeeds, ${run}`)];
  const how = outcome ? outcomeText(outcome) : `it took longer than ${durationText(limitMs)}`;
  const fault = outcome?.kind === 'exited' ? fpingFault(command, outcome.status) : undefined;
  const text = `the checker fails (${fault ? `${how}: ${fault.cause}` : how}), ${run}`;
  const words = said === '' ? [] : [note(`the checker said: ${said}`)];
  // Nobody checks a disabled one.
  if (!enabled) return [note(text), ...words];
  return [soon(text, fault?.cure ?? checkerAdvice(outcome)), ...words];
}

function checkerAdvice(outcome: CheckOutcome | undefined): string {
  return isNotRun(outcome)
    ? 'correct "checker" in clients.conf, or install the program'
    : 'if the machine is up, correct its "host" or "checker"; if it is down, it has until it expires';
}

/** POSIX, sh, EXIT STATUS: the command was not found, or cannot be executed. */
function isNotRun(outcome: CheckOutcome | undefined): boolean {
  return outcome?.kind === 'exited' && (outcome.status === 127 || outcome.status === 126);
}

function outcomeText(outcome: CheckOutcome): string {
  if (outcome.kind === 'killed') return outcome.signal === 0 ? 'it crashed' : `signal ${outcome.signal}`;
  if (!isNotRun(outcome)) return `exit status ${outcome.status}`;
  return outcome.status === 127 ? 'command not found' : 'command cannot be executed';
}

/** Whether somebody has to approve, or does not. */
export function approvalFindings({ subject, nowMs }: Facts): Finding[] {
  const client = subject?.client;
  if (!client) return [];
  const { name, approvedByDefault, approvalDelayMs } = client.settings;
  const approve = `"mandos-ctl --approve ${shellQuote(name)}"`;
  const delay = durationText(approvalDelayMs);
  const findings: Finding[] = [];
  const said = approvalNow(client, nowMs);
  if (client.pendingApprovals > 0) findings.push(note('a request waits for an operator now', approve));
  if (said === false) {
    const rest = durationText((client.approval?.untilMs ?? nowMs) - nowMs);
    findings.push(problem(`${name} was denied by an operator, for ${rest} more`, `approve it (${approve})`));
  }
  if (approvedByDefault) {
    const text = approvalDelayMs > 0 ? `, after ${delay} in which an operator can deny it` : '';
    findings.push(ok(`approved by default${text}`));
  } else {
    const text =
      approvalDelayMs > 0
        ? `${name} is denied by default unless an operator approves it within ${delay} of its request`
        : `${name} is denied by default, and its approval_delay leaves no time to approve it`;
    const how =
      approvalDelayMs > 0
        ? `approve it while it asks (${approve}), or set approved_by_default = yes`
        : 'set approved_by_default = yes, or an approval_delay';
    findings.push(problem(text, how));
  }
  const { lastApprovalRequestMs } = client;
  if (lastApprovalRequestMs !== undefined) {
    findings.push(ok(`approval was last asked for ${durationText(nowMs - lastApprovalRequestMs)} ago`));
  }
  return findings;
}

/** Whether what would be sent is of use to the client. */
export function secretFindings({ subject }: Facts): Finding[] {
  if (!subject) return [];
  const { name, configured, client } = subject;
  if (!configured) {
    return client ? [unknown('the secret is in no file, and a server shows it to nobody')] : [];
  }
  const { secret } = configured;
  const make = 'put in what "mandos-keygen --password" prints on the machine';
  if (secret.length === 0) return [problem(`${name} has no secret that can be used`, make)];
  const fault = secretFormatProblem(secret);
  if (fault !== undefined) return [problem(`the secret of ${name} ${fault}`, make)];
  const { recipients, passphrase, encrypted } = lookAtMessage(secret);
  if (!encrypted) return [problem(`the secret of ${name} is not a complete OpenPGP message`, make)];
  if (recipients.length === 0) {
    const what = passphrase ? 'to a passphrase, which no machine has' : 'to nobody';
    return [problem(`the secret of ${name} is encrypted ${what}`, make)];
  }
  const named = recipients.filter(id => !/^0+$/.test(id));
  const hidden = named.length < recipients.length ? ['one that is not named'] : [];
  return [
    ok(
      `an OpenPGP message of ${secret.length} bytes, to the key ${[...named, ...hidden].join(', ')}`,
      'the machine has to have it: "mandos-keygen --test" there tries to decrypt',
    ),
  ];
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
}
