import type { Chapter } from '../../common/explanation.js';
import {
  approvalFindings,
  checkFindings,
  enabledFindings,
  identityFindings,
  secretFindings,
} from './client-findings.js';
import type { Finding } from '../../common/explanation.js';
import { isInTheWay } from '../../common/explanation.js';
import type { Facts } from './facts.js';
import { networkFindings } from './network-findings.js';
import { limitFindings } from './release-findings.js';
import { configurationFindings, serverFindings } from './server-findings.js';

/** Every condition of a release and how it stands, in the order in which a request meets them. Pure. */
export function explain(facts: Facts): Chapter[] {
  return [
    { title: 'Configuration', findings: configurationFindings(facts) },
    { title: 'Server', findings: serverFindings(facts) },
    { title: 'Network', findings: networkFindings(facts) },
    { title: 'Client', findings: [...identityFindings(facts), ...enabledFindings(facts)] },
    { title: 'Checks', findings: checkFindings(facts) },
    { title: 'Approval', findings: approvalFindings(facts) },
    { title: 'Limits', findings: limitFindings(facts) },
    { title: 'Secret', findings: secretFindings(facts) },
  ];
}

/**
 * What could not be looked at though it decides: how the client stands in the server.
 * @returns undefined when that is known, or something is in the way anyway
 */
export function undecided(facts: Facts): Finding | undefined {
  if (facts.subject?.client) return undefined;
  const findings = [
    ...configurationFindings(facts),
    ...serverFindings(facts),
    ...networkFindings(facts),
    ...identityFindings(facts),
  ];
  if (findings.some(isInTheWay)) return undefined;
  return [...serverFindings(facts), ...findings].find(({ mark }) => mark === 'unknown');
}
