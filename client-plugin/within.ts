/**
 * Waits for something, but no longer than that; it goes on beside.
 * @throws what it rejects with in that time
 */
export async function within(limitMs: number, something: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, limitMs);
  });
  try {
    await Promise.race([something, late]);
  } finally {
    clearTimeout(timer);
  }
}
