import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from '../support/child.js';
import type { Cleanup, Lan } from '../support/namespace.js';

const execute = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../../test/chaos/bad-wire.py');

/** What happens to the frames on a wire; what is left out does not. */
export interface WireFaults {
  /** Probability that a frame is lost; so are the others. */
  readonly loss?: number;
  readonly duplicate?: number;
  /** One bit: the checksums notice. */
  readonly flip?: number;
  /** Two words of the payload: no checksum notices. */
  readonly swap?: number;
  /** Seconds that each frame takes. */
  readonly delay?: number;
  /** Seconds more or less: frames overtake each other. */
  readonly jitter?: number;
}

/** The one cable between segments 0 and 1 of a lan. */
export class BadWire {
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  /**
   * From now on this happens, and nothing else.
   * @returns how many frames each of the faults until now has happened to, and in `late`, how many were overtaken
   */
  async set(faults: WireFaults): Promise<Readonly<Record<string, number>>> {
    const from = this.#child.output.length;
    this.#child.stdin.write(`${JSON.stringify(faults)}\n`);
    const [, counts = '{}'] = await this.#child.waitForOutput(/^done (.*)$/m, undefined, from);
    return JSON.parse(counts) as Record<string, number>;
  }
}

/** Lays the cable, which is a good one at first. */
export async function layBadWire(t: Cleanup, lan: Lan): Promise<BadWire> {
  const taps = ['wire0', 'wire1'];
  const args = ['netns', 'exec', lan.switchNamespace, 'python3', SCRIPT, ...taps];
  const child = new Child('ip', args, { keepInputOpen: true }, 'bad wire');
  t.after(async () => void (await child.stop('SIGKILL')));
  await child.waitForOutput(/^ready$/m);
  for (const [i, tap] of taps.entries()) {
    const words = `-n ${lan.switchNamespace} link set ${tap} master ${lan.bridges[i]} up`;
    await execute('ip', words.split(' '));
  }
  return new BadWire(child);
}
