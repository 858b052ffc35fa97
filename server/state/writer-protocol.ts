/** The directory's lock, in the directory. */
export const LOCK_NAME = 'lock';
/** Which descriptor of the process that writes is the open lock. */
export const LOCK_FD = 4;

/** A client's record as it is to be from now on: its name, and its text or undefined for none. */
export type Change = readonly [name: string, text: string | undefined];

/** What the process that writes is asked for, one after another; each has one answer. */
export type Request =
  /** To write a new file, with what the old one has, or nothing but `changes`. */
  | { readonly kind: 'rebuild'; readonly changes: readonly Change[] | undefined }
  /** To write to the file; `identity` is what the last answer said of it, if there was one. */
  | { readonly kind: 'write'; readonly identity: string | undefined; readonly changes: readonly Change[] };

export type Answer =
  | Done
  /** `code` is the system's name of the error, if it is one of the system's. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };

export interface Done {
  readonly kind: 'done';
  /** Of the file as it is now: file-identity.ts. */
  readonly identity: string;
  /** Another program had removed the file; it is there again. */
  readonly putBack: boolean;
}
