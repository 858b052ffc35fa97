/** A decision as the log of a child has it, one word each: its number, what it is, and the clients' names. */
export interface Decision {
  readonly number: number;
  readonly kind: DecisionKind;
  readonly names: readonly string[];
}

export const DECISION_KINDS = [
  'enable',
  'disable',
  'set',
  'secret',
  'approve',
  'release',
  'remove',
  'add',
] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** A client as far as decisions go. */
export interface Model {
  readonly enabled: boolean;
  readonly host: string;
  readonly secret: string;
  readonly approvedMs: number;
  readonly releases: number;
  readonly lastReleaseMs: number;
}

/** Of one that a decision adds. */
export const ADDED: Model = {
  enabled: true,
  host: 'added',
  secret: 'added',
  approvedMs: 0,
  releases: 0,
  lastReleaseMs: 0,
};

export type State = ReadonlyMap<string, Model>;

/** What becomes of the clients, worked out apart from the program. */
export function decide(state: State, { number, kind, names }: Decision): State {
  const next = new Map(state);
  for (const name of names) {
    const client = next.get(name);
    if (kind === 'add' && !client) next.set(name, { ...ADDED, host: `h${number}` });
    if (!client) continue;
    if (kind === 'remove') next.delete(name);
    else next.set(name, change(client, kind, number));
  }
  return next;
}

function change(client: Model, kind: DecisionKind, number: number): Model {
  switch (kind) {
    case 'enable':
      return { ...client, enabled: true };
    case 'disable':
      return { ...client, enabled: false };
    case 'set':
      return { ...client, host: `h${number}` };
    case 'secret':
      return { ...client, secret: `s${number}` };
    case 'approve':
      return { ...client, approvedMs: number };
    case 'release':
      return { ...client, releases: client.releases + 1, lastReleaseMs: number };
    case 'add':
    case 'remove':
      return client;
  }
}

/** A state as one text, to compare it. */
export function toText(state: State): string {
  return JSON.stringify([...state].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the log of a child says. */
export interface ChildLog {
  /** The state that it has begun with; undefined if it was killed before. */
  readonly begun: State | undefined;
  /** In the order in which they were asked for. */
  readonly asked: readonly Decision[];
  readonly stored: ReadonlySet<number>;
  readonly refused: ReadonlySet<number>;
}

export function parseLog(text: string): ChildLog {
  let begun: State | undefined;
  const asked: Decision[] = [];
  const stored = new Set<number>();
  const refused = new Set<number>();
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.split(' ');
    const number = Number(rest[0]);
    if (word === 'begun') begun = new Map(JSON.parse(rest.join(' ')) as [string, Model][]);
    else if (word === 'stored') stored.add(number);
    else if (word === 'refused') refused.add(number);
    else if (word === 'asked') {
      asked.push({ number, kind: rest[1] as DecisionKind, names: rest.slice(2) });
    }
  }
  return { begun, asked, stored, refused };
}

/**
 * The states that may be found after a child was killed: decisions hold in the order in which they were asked for, those
 * that were acknowledged in any case, and those that were refused not at all.
 */
export function possibleStates({ begun, asked, stored, refused }: ChildLog): State[] {
  if (!begun) return [];
  const counted = asked.filter(({ number }) => !refused.has(number));
  const last = counted.findLastIndex(({ number }) => stored.has(number));
  let state = begun;
  const states: State[] = last < 0 ? [begun] : [];
  for (const [i, decision] of counted.entries()) {
    state = decide(state, decision);
    if (i >= last) states.push(state);
  }
  return states;
}
