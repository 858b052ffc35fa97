import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Privileges } from '../privileges.js';
import { ASKPASS, listAskpass } from './askpass-questions.js';
import { crypttabVolumes } from './crypttab.js';
import { openVolumes } from './open-volumes.js';
import type { Answer } from './passfifo.js';
import { answerFifo, PASSFIFO } from './passfifo.js';
import type { Question, Scene } from './unlock-plan.js';

const CRYPTTAB = '/cryptroot/crypttab';
const PROC = '/proc';

/** What initramfs-tools does to open the root file system, as far as it can be seen and helped from outside. */
export class Cryptroot {
  readonly #privileges: Privileges;
  readonly #notPrograms = new Set<string>();

  constructor(privileges: Privileges) {
    this.#privileges = privileges;
  }

  look(): Scene {
    return this.#privileges.asRoot(() => ({
      volumes: readVolumes(),
      open: openVolumes(),
      questions: this.#list().flatMap(({ question }) => question ?? []),
    }));
  }

  answer({ id }: Question, password: Uint8Array): Answer {
    const [pid = ''] = id.split(':');
    return this.#privileges.asRoot(() => answerFifo(PASSFIFO, join(PROC, pid), password));
  }

  /** What stands on the console's last line. */
  prompt(): string | undefined {
    return this.#privileges.asRoot(() => this.#list().at(-1)?.prompt);
  }

  #list() {
    return listAskpass({ askpass: ASKPASS, proc: PROC }, this.#notPrograms);
  }
}

/** None as long as the file is not there: local-top/cryptroot may be yet to write it. */
function readVolumes(): string[] {
  try {
    return crypttabVolumes(readFileSync(CRYPTTAB));
  } catch {
    return [];
  }
}
