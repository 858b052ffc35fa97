import { countErrors, formatFault } from '../../common/config-fault.js';
import { counted } from '../../common/counted.js';
import type { Finding } from '../../common/explanation.js';
import { note, ok, problem, soon, unknown } from '../../common/explanation.js';
import { COMPATIBLE_WITH, VERSION } from '../../common/version.js';
import type { ConfigurationFacts, Facts } from './facts.js';

/** Errors that are shown one by one; "mandos --check" has all. */
const SHOWN_ERRORS = 3;

/** Whether the files can be used, and where they name the client. */
export function configurationFindings({ configuration, server, subject }: Facts): Finding[] {
  const { options, clients, faults, places, forbidden } = configuration;
  if (forbidden.length > 0) {
    return [unknown(`you may not read ${forbidden.join(' and ')}`, 'run this as root')];
  }
  const findings: Finding[] = [];
  const errors = faults.filter(({ severity }) => severity === 'error');
  // A running server goes by what it has read before.
  const mark = server.kind === 'none' ? problem : soon;
  for (const fault of errors.slice(0, SHOWN_ERRORS)) {
    findings.push(mark(formatFault(fault), `correct it: with an error in the files, mandos does not start`));
  }
  if (errors.length > SHOWN_ERRORS) {
    findings.push(mark(`${errors.length - SHOWN_ERRORS} more errors`, '"mandos --check" shows them'));
  }
  if (errors.length === 0) {
    findings.push(ok(`${options.configDirectory} has no errors: ${counted(clients.length, 'client')}`));
  }
  const { changedSinceStart } = configuration;
  if (changedSinceStart !== undefined && server.kind !== 'none') {
    findings.push(
      note(
        `${changedSinceStart} was changed after the server was started, and this goes by what it says now`,
        'reload, unless that is done ("systemctl reload mandos")',
      ),
    );
  }
  const place = subject && places.get(subject.name);
  if (place) findings.push(ok(`[${subject.name}] stands in ${place.file}:${place.line ?? 1}`));
  const own = faults.filter(({ severity, section }) => severity === 'warning' && section === subject?.name);
  return [...findings, ...own.map(fault => note(formatFault(fault)))];
}

/** Whether the configuration is one that a server can start with. */
export function isUsable({ faults, forbidden }: ConfigurationFacts): boolean {
  return forbidden.length === 0 && countErrors(faults) === 0;
}

/** Whether there is a server. */
export function serverFindings({ server, configuration }: Facts): Finding[] {
  switch (server.kind) {
    case 'on-bus':
      return [running(server.version)];
    case 'silent':
      return [
        server.forbidden
          ? unknown(
              'a server runs, and you may not ask it',
              'run this as root, or as a member of the group _mandos',
            )
          : problem(
              `the server does not answer on D-Bus: ${server.reason}`,
              'restart it ("systemctl restart mandos")',
            ),
      ];
    case 'off-bus': {
      const who = server.pid === undefined ? '' : ` (process ${server.pid})`;
      const why = configuration.options.useDbus ? ', and is not on D-Bus' : ', without D-Bus (use_dbus = no)';
      return [
        unknown(`a server runs${who}${why}: how the client stands in it cannot be asked`, 'read its log'),
      ];
    }
    case 'hidden':
      return [
        unknown(
          'no server is on D-Bus, and whether one runs without it is not shown to you',
          'run this as root',
        ),
      ];
    case 'none':
      return [problem('no server runs', 'start it ("systemctl start mandos")')];
  }
}

function running(version: string | undefined): Finding {
  if (version === undefined) return note(`an original server or an older one runs (as ${COMPATIBLE_WITH})`);
  if (version === VERSION) return ok(`mandos ${version} runs`);
  return note(
    `mandos ${version} runs, and this is ${VERSION}`,
    'restart it when nobody boots ("systemctl restart mandos")',
  );
}
