import type { Random } from './mutate.js';

/** What is known of one input from others, before the code that reads it is loaded. */
export interface TargetFacts {
  /** Sources whose blocks are counted: ends of paths below the project or node_modules, such as `common/dbus/`. */
  readonly covers: readonly string[];
  /** Longer inputs are cut. Default: 4 KiB. */
  readonly limitBytes?: number;
  /** Inputs between two looks at the coverage; few where one takes milliseconds. Default: 64. */
  readonly batch?: number;
}

/** Ready to be given inputs. */
export interface Prepared {
  /** Inputs to begin with, besides the files of corpus/TARGET. */
  readonly seeds?: readonly Uint8Array[];
  /** The input that a file of the corpus stands for. Default: its bytes. */
  readonly fromFile?: (bytes: Buffer) => Buffer;
  /** A mutation that knows the format; used for every other input. */
  readonly mutate?: (input: Buffer, random: Random) => Buffer;
  /**
   * Gives one input to the program.
   * @throws anything: a finding. What the program may say of a bad input is caught here
   */
  readonly run: (input: Buffer) => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

/** A target's module: `facts`, and `prepare`, which imports what is tested. */
export interface Target {
  readonly facts: TargetFacts;
  readonly prepare: () => Promise<Prepared>;
}
