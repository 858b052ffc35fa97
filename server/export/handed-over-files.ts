import { join } from 'node:path';

/** What lies in the state directory when two servers take turns in it. */
export interface HandedOverFiles {
  /** This server's state. */
  readonly own: string;
  /** This server's state, set aside when it was handed over. */
  readonly ownAside: string;
  /** The original's state: it reads and removes the file at its start, and writes it when it stops. */
  readonly original: string;
  /** What was handed over to the original, to tell whether it has run since. */
  readonly handedOver: string;
  /** The original's state, set aside when it was taken over. */
  readonly originalAside: string;
}

export function handedOverFiles(stateDirectory: string, ownName: string): HandedOverFiles {
  const own = join(stateDirectory, ownName);
  const original = join(stateDirectory, 'clients.pickle');
  return {
    own,
    ownAside: `${own}.handed-over`,
    original,
    handedOver: `${original}.handed-over`,
    originalAside: `${original}.taken-over`,
  };
}
