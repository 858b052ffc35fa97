/** A client's record as it is to be from now on: its name, and its text or undefined for none. */
export type Change = readonly [name: string, text: string | undefined];

/** What the process that writes is asked for, one after another; each has one answer. */
export type Request =
  /** To write a new file, with what the old one has, or nothing but `changes`. */
  | { readonly kind: 'rebuild'; readonly changes: readonly Change[] | undefined }
  | { readonly kind: 'write'; readonly changes: readonly Change[] };

export type Answer =
  | { readonly kind: 'done' }
  /** `code` is the system's name of the error, if it is one of the system's. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };
