/** Where an attack comes from: the attacker's own address, or so many made-up ones. */
export type Sources =
  | { readonly from: 'one' }
  /** Link-local addresses of the server's own segment. */
  | { readonly from: 'link-local'; readonly count: number }
  /** An address in each of so many networks of 64 bits. */
  | { readonly from: 'networks'; readonly count: number }
  /** The same, but nobody has them: what is sent there is lost. */
  | { readonly from: 'nobody'; readonly count: number };

/** What one tool of tools/ is to do; each says of itself what its kinds are. */
export interface Attack {
  readonly name: string;
  readonly tool: 'flood' | 'impostor' | 'syn-flood';
  readonly kind: string;
  /** Connections at once. */
  readonly simultaneous: number;
  /** New connections a second, at most. */
  readonly rate: number;
  readonly sources: Sources;
  /** Lines of mandos.conf(5) besides. */
  readonly mandosConf?: string;
}

const ONE: Sources = { from: 'one' };
const LINK: Sources = { from: 'link-local', count: 300 };
const NETWORKS: Sources = { from: 'networks', count: 400 };
/** More than the server takes in all, each with less than one address may have. */
const CROWD: Sources = { from: 'networks', count: 4_000 };

export const ATTACKS: readonly Attack[] = [
  flood('2000 connections that say nothing', 'silent', 2_000, 1_000, ONE),
  flood('2000 connections that say nothing, of 300 link-local addresses', 'silent', 2_000, 1_000, LINK),
  flood('all places taken by connections that say nothing, of 4000 networks', 'silent', 6_000, 2_000, CROWD),
  flood('all places taken by connections that only greet, of 4000 networks', 'greeted', 6_000, 2_000, CROWD),
  {
    name: 'half-open connections: 20,000 SYN a second, of 400 networks',
    tool: 'syn-flood',
    kind: 'syn',
    simultaneous: 0,
    rate: 20_000,
    sources: { from: 'nobody', count: 400 },
  },
  flood('greetings that come a byte at a time', 'slow-greeting', 3_000, 1_000, NETWORKS),
  flood('handshakes that come a byte at a time, of one address', 'slow-handshake', 2_000, 1_000, ONE),
  flood('handshakes that come a byte at a time, of 400 networks', 'slow-handshake', 3_000, 1_000, NETWORKS),
  flood('garbage for a greeting, of one address', 'garbage', 500, 3_000, ONE),
  flood('garbage for a greeting, of 400 networks', 'garbage', 500, 3_000, NETWORKS),
  flood('greetings without an end', 'endless-line', 500, 2_000, NETWORKS),
  flood('garbage for TLS, of one address', 'tls-garbage', 500, 2_000, ONE),
  flood('garbage for TLS, of 4000 networks', 'tls-garbage', 500, 2_000, CROWD),
  flood('connections that are reset at once', 'reset', 500, 5_000, NETWORKS),
  flood('connections that are reset after the greeting', 'reset-greeted', 500, 3_000, CROWD),
  flood("a client's handshake, recorded and replayed", 'replay', 200, 1_000, CROWD),
  impostor('unknown keys, of one address', 'unknown-keys', 500, ONE),
  impostor('unknown keys, of 300 link-local addresses', 'unknown-keys', 500, LINK),
  impostor('unknown keys, of 4000 networks', 'unknown-keys', 500, CROWD),
  impostor("a client's public key without its private key", 'stolen-public-key', 500, CROWD),
  impostor("an X.509 certificate for a client's own key", 'certificate', 200, CROWD),
  impostor("an X.509 certificate for a client's own key, over TLS 1.2", 'certificate-tls12', 200, CROWD),
  impostor("a client's own key over TLS 1.2", 'tls12', 200, CROWD),
  impostor("a client's own key over TLS 1.1", 'tls11', 200, CROWD),
  impostor("a client's own key with a short authentication tag", 'weak-cipher', 200, CROWD),
  impostor("a client's own key with weak groups", 'weak-group', 200, CROWD),
];

function flood(name: string, kind: string, simultaneous: number, rate: number, sources: Sources): Attack {
  return { name, tool: 'flood', kind, simultaneous, rate, sources };
}

function impostor(name: string, kind: string, rate: number, sources: Sources): Attack {
  return { name, tool: 'impostor', kind, simultaneous: 32, rate, sources };
}
