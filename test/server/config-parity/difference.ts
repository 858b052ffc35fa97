import assert from 'node:assert/strict';

/** Where this server means to differ from the original. */
export interface Difference {
  /** `refused`: only here. `accepted`: only here. `value`: both accept, and the settings differ. */
  readonly here: 'refused' | 'accepted' | 'value';
  readonly why: string;
}

export const refused = (why: string): { difference: Difference } => ({
  difference: { here: 'refused', why },
});
export const accepted = (why: string): { difference: Difference } => ({
  difference: { here: 'accepted', why },
});

/**
 * Asserts that both outcomes are the same, or differ as they are meant to.
 * @param ours settings, or 'refused'; likewise `original`
 * @param said our faults, for the message
 */
export function assertParity(
  ours: unknown,
  original: unknown,
  difference: Difference | undefined,
  said: string,
): void {
  if (difference === undefined) {
    assert.deepEqual(ours, original, said || undefined);
    return;
  }
  assert.notDeepEqual(ours, original, 'there is no difference any more');
  assert.equal(ours === 'refused', difference.here === 'refused', `${difference.why}\n${said}`);
  assert.equal(original === 'refused', difference.here === 'accepted');
}
