import type { Incoming } from './read-messages.js';

/** Which signals are heard; what is left out may be anything. */
export interface SignalMatch {
  /** A unique name or a well-known one, whose owner is then followed. */
  readonly sender: string;
  readonly interface?: string;
  readonly member?: string;
  readonly path?: string;
  /** This path or one beneath it: one rule of the bus for any number of objects. */
  readonly pathNamespace?: string;
  /** What the first argument, a string, must be. */
  readonly arg0?: string;
}

/** Keys of a match rule (D-Bus specification, "Match Rules"). */
const KEYS: Readonly<Record<keyof SignalMatch, string>> = {
  sender: 'sender',
  interface: 'interface',
  member: 'member',
  path: 'path',
  pathNamespace: 'path_namespace',
  arg0: 'arg0',
};

/** For the bus's AddMatch. */
export function matchRule(match: SignalMatch): string {
  const parts = Object.entries(match).map(
    ([key, value]) => `${KEYS[key as keyof SignalMatch]}='${String(value)}'`,
  );
  return ["type='signal'", ...parts].join(',');
}

/**
 * Whether a signal is what a rule was made for: the bus sends what any rule of the connection matches.
 * @param sender the unique name of whom the rule is about; undefined while there is none
 * @throws Error when its arguments are wanted and malformed
 */
export function matches(match: SignalMatch, sender: string | undefined, message: Incoming): boolean {
  return (
    sender !== undefined &&
    message.sender === sender &&
    (match.interface === undefined || message.interface === match.interface) &&
    (match.member === undefined || message.member === match.member) &&
    (match.path === undefined || message.path === match.path) &&
    (match.pathNamespace === undefined || isBeneath(message.path ?? '', match.pathNamespace)) &&
    (match.arg0 === undefined || message.body()[0] === match.arg0)
  );
}

function isBeneath(path: string, namespace: string): boolean {
  return namespace === '/' || path === namespace || path.startsWith(`${namespace}/`);
}
