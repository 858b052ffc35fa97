/**
 * How much of a long piece of work is done in one turn of the event loop, in milliseconds. Whoever asks for a password
 * meanwhile waits a few turns: for its greeting, its handshake, its verdict.
 */
export const SLICE_MS = 3;
