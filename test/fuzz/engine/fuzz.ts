import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { seededRandom } from '../../support/random.js';
import type { Coverage } from './coverage.js';
import { signatureOf } from './findings.js';
import { minimise } from './minimise.js';
import type { Random } from './mutate.js';
import { mutate } from './mutate.js';
import type { Prepared, TargetFacts } from './target.js';

const DEFAULT_BATCH = 64;
const DEFAULT_LIMIT_BYTES = 4096;
/** What one process may have in memory, whatever it was given. */
const MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024;

export interface FuzzOptions {
  /** One after the other; the first is tried on nothing but the examples. */
  readonly seeds: readonly [number, ...number[]];
  /** For each. */
  readonly seconds: number;
  readonly corpus: readonly Buffer[];
  /** Words of the format, which mutations put in. */
  readonly dictionary: readonly Buffer[];
  readonly coverage: Coverage;
  /** Told of each input before it is tried. */
  readonly record: (input: Buffer) => void;
  /** Told of each input that reached a new block. */
  readonly keep: (input: Buffer) => void;
  /** Told once of each fault, with the smallest input that has it. */
  readonly found: (what: string, input: Buffer) => void;
}

export interface FuzzResult {
  readonly executions: number;
  readonly blocks: number;
  /** Inputs that each reached a block that none before had. */
  readonly corpus: number;
}

/** Tries mutations of what has reached new blocks, for some time. What it tries depends on seeds and corpus alone. */
export async function fuzz(
  facts: TargetFacts,
  prepared: Prepared,
  options: FuzzOptions,
): Promise<FuzzResult> {
  const fuzzer = new Fuzzer(facts, prepared, options);
  await fuzzer.judge([...(prepared.seeds ?? []).map(seed => Buffer.from(seed)), ...options.corpus]);
  for (const seed of options.seeds) {
    fuzzer.random = seededRandom(seed);
    const endMs = performance.now() + 1000 * options.seconds;
    while (performance.now() < endMs) await fuzzer.round();
  }
  return { executions: fuzzer.executions, blocks: options.coverage.blocks, corpus: fuzzer.corpus.length };
}

class Fuzzer {
  readonly #facts: TargetFacts;
  readonly #prepared: Prepared;
  readonly #options: FuzzOptions;
  readonly #signatures = new Set<string>();
  /** Never empty, so that there is something to mutate. */
  readonly corpus: Buffer[] = [Buffer.from('\n')];
  readonly #known = new Set<string>();
  random: Random;
  executions = 0;

  constructor(facts: TargetFacts, prepared: Prepared, options: FuzzOptions) {
    this.#facts = facts;
    this.#prepared = prepared;
    this.#options = options;
    this.random = seededRandom(options.seeds[0]);
  }

  /** Tries inputs, and keeps those that reach something new. */
  async judge(inputs: readonly Buffer[]): Promise<void> {
    for (const input of inputs) await this.#try(input);
    // A look at the coverage costs as much as dozens of inputs: which of them it was is found by halves.
    const [input, ...others] = inputs;
    if (input === undefined) return;
    if (others.length === 0) {
      this.#keepIfNew(input);
    } else if (this.#options.coverage.hasNew()) {
      const middle = Math.ceil(inputs.length / 2);
      await this.judge(inputs.slice(0, middle));
      await this.judge(inputs.slice(middle));
    }
  }

  async round(): Promise<void> {
    await this.judge(Array.from({ length: this.#facts.batch ?? DEFAULT_BATCH }, () => this.#next()));
    const { rss } = process.memoryUsage();
    if (rss > MEMORY_LIMIT_BYTES)
      throw new Error(`${Math.round(rss / 1e6)} MB of memory after so many inputs`);
    // Timers and sockets of the program have their turn.
    await setImmediate();
  }

  #keepIfNew(input: Buffer): void {
    if (this.#options.coverage.take() === 0) return;
    const name = createHash('sha256').update(input).digest('hex');
    if (this.#known.has(name)) return;
    this.#known.add(name);
    this.corpus.push(Buffer.from(input));
    this.#options.keep(input);
  }

  #next(): Buffer {
    const limitBytes = this.#facts.limitBytes ?? DEFAULT_LIMIT_BYTES;
    // Half of the time one of the latest: what is new has been tried least.
    const { length } = this.corpus;
    const latest = Math.min(length, 16);
    const from = this.random() < 0.5 ? length - latest : 0;
    const input = this.corpus[from + Math.floor(this.random() * (length - from))] ?? Buffer.alloc(0);
    const other = this.corpus[Math.floor(this.random() * length)] ?? input;
    const { mutate: own } = this.#prepared;
    if (own && this.random() < 0.5) return own(input, this.random).subarray(0, limitBytes);
    return mutate(input, { random: this.random, dictionary: this.#options.dictionary, other, limitBytes });
  }

  async #try(input: Buffer): Promise<void> {
    const error = await this.#fault(input);
    if (error === undefined) return;
    const signature = signatureOf(error);
    if (this.#signatures.has(signature)) return;
    this.#signatures.add(signature);
    const smallest = await minimise(input, async candidate => {
      const other = await this.#fault(candidate);
      return other !== undefined && signatureOf(other) === signature;
    });
    this.#options.found(describeFault(error), smallest);
  }

  async #fault(input: Buffer): Promise<unknown> {
    this.#options.record(input);
    this.executions++;
    return await faultOf(this.#prepared, input);
  }
}

/** Gives an input to a target. @returns what it throws, if it does */
export async function faultOf(prepared: Prepared, input: Buffer): Promise<unknown> {
  try {
    // A copy: the program may change what it is given.
    const running = prepared.run(Buffer.from(input));
    if (running) await running;
    return undefined;
  } catch (thrown) {
    return thrown ?? new Error(`${String(thrown)} was thrown`);
  }
}

export function describeFault(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
