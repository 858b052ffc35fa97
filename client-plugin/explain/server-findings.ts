import { describeError, MandosError } from '../../common/errors.js';
import type { Finding } from '../../common/explanation.js';
import { note, ok, problem } from '../../common/explanation.js';
import { describeTarget } from '../server-report.js';
import { withAdvice } from './key-findings.js';
import type { Attempt, SearchResult } from './search.js';

export interface SearchContext {
  readonly keyId: string;
  /** The servers were named, with --connect. */
  readonly given: boolean;
  /** Interfaces that were looked on. */
  readonly interfaces: readonly string[];
}

/** Digits of a key ID that the server's program takes for the whole. */
const SHOWN_DIGITS = 16;

/** How far it went with each server: found, connected, TLS, its answer, and what that decrypts to. */
export function serverFindings(result: SearchResult, context: SearchContext): Finding[] {
  const { attempts, winner, fault, isPasswordEmpty } = result;
  if (fault !== undefined) return [withAdvice(fault, 'correct --priority, or the key files')];
  if (attempts.length === 0) return [nothingFound(result, context)];
  const findings = attempts
    .filter(attempt => attempt !== winner)
    .map(attempt => attemptFinding(attempt, result, context));
  if (!winner) return findings;
  const where = describeTarget(winner.target);
  const size = winner.bytes === undefined ? '' : ` of ${winner.bytes} bytes`;
  return [
    ok(`${where} takes the connection`),
    ok('the TLS handshake succeeds'),
    ok(`it knows this machine, and sends a message${size}`),
    isPasswordEmpty
      ? problem(
          'the message decrypts, and the password in it is empty',
          'make a new section for clients.conf with "mandos-keygen --password"',
        )
      : ok('the message decrypts with the OpenPGP key'),
    // What failed elsewhere is in nobody's way then.
    ...findings.map(({ text, advice }) => note(text, advice)),
  ];
}

function nothingFound({ tookMs }: SearchResult, { given, interfaces }: SearchContext): Finding {
  const seconds = Math.round(tookMs / 1000);
  const where = interfaces.length === 0 ? '' : ` on ${interfaces.join(', ')}`;
  if (given) {
    return problem(
      `no server of --connect could be tried in ${seconds} s${where}`,
      'see that its link-local address is on an interface that is used',
    );
  }
  return problem(
    `no server was found by Zeroconf in ${seconds} s${where}`,
    'see on the server ("mandos --explain"), or name one that is elsewhere (--connect=ADDRESS:PORT)',
  );
}

function attemptFinding(attempt: Attempt, { tookMs }: SearchResult, { keyId }: SearchContext): Finding {
  const { target, error, connected } = attempt;
  const where = describeTarget(target);
  const onServer = `"mandos --explain=${keyId.slice(0, SHOWN_DIGITS).toUpperCase()}" on the server says why`;
  if (error === undefined) {
    if (!connected) return problem(`${where} does not answer`, 'see the network and the firewall on the way');
    const seconds = Math.round(tookMs / 1000);
    return problem(
      `${where} takes the connection, and has sent nothing for some ${seconds} s: it may wait for approval`,
      'approve the request on the server ("mandos-ctl --approve")',
    );
  }
  switch (error instanceof MandosError ? error.code : '') {
    case 'FETCH_CONNECT':
      return problem(
        `${where}: ${describeError(error)}`,
        'see that the server runs, and the firewall on the way',
      );
    case 'FETCH_REFUSED':
      return problem(`${where} sends no password, and does not say why`, onServer);
    case 'FETCH_TLS':
      return problem(
        `${where}: the TLS handshake fails: ${describeError(error)}`,
        'see that it is a Mandos server and that --priority fits; or it refuses this address, or has too many connections: its log says so ("refused")',
      );
    default: {
      const { text, advice } = withAdvice(error, 'make the secret again with "mandos-keygen --password"');
      return problem(`${where}: ${text}`, advice ?? '');
    }
  }
}
