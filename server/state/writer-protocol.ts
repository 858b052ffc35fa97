/** A client's record as it is to be from now on: its name, and its text or undefined for none. */
export type Change = readonly [name: string, text: string | undefined];

/** What the thread that writes is asked for, one after another; each has one answer. */
export type Request =
  /** To open the database and to write it anew, with what is in it, or nothing but `changes`. */
  | { readonly kind: 'open'; readonly changes: readonly Change[] | undefined }
  | { readonly kind: 'write'; readonly changes: readonly Change[] }
  | { readonly kind: 'close' };

export type Answer =
  /** `opened`: the database has been opened for that. */
  | { readonly kind: 'done'; readonly opened: boolean }
  /** `code` is the system's name of the error, if it is one of the system's. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };

/** For the thread. */
export interface WriterOptions {
  readonly path: string;
}
