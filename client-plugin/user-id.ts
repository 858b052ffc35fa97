/** User and group IDs are 32 bits, and the highest means "none" (setresuid(2)). */
const LARGEST_ID = 2 ** 32 - 2;

/** The number of a user or group, as plugin-runner(8mandos) takes it: no name. @returns undefined for anything else */
export function parseId(text: string): number | undefined {
  const id = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return id <= LARGEST_ID ? id : undefined;
}
