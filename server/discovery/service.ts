/** What is to be found by DNS-SD (RFC 6763): a `_mandos._tcp` service of this host. */
export interface Service {
  /** The instance's name, a label of at most 63 bytes: `Mandos`. */
  readonly name: string;
  readonly port: number;
  /** Advertise on this interface only. */
  readonly interface?: string;
  /** 'ipv4': neither IPv6 addresses nor packets. */
  readonly family: 'any' | 'ipv4';
  /** The only address, without a scope, that the service can be reached at. */
  readonly address?: string;
}

/** One way of advertising, at work. */
export interface Publication {
  /** Takes the service back, with a goodbye where there is still a network; bounded in time, never rejects. */
  stop(): Promise<void>;
}

/** What a publication tells the one who started it. */
export interface PublicationHooks {
  /** The name in use has changed, since another host has the one before. */
  renamed(name: string): void;
  /** It cannot do its work, and will not: something else should. */
  failed(reason: string): void;
}

/** Waits for work that must not hold up a stop: so long at most. */
export async function withLimit(work: Promise<unknown>, limitMs: number): Promise<void> {
  let timer;
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
