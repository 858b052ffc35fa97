/** Has a fault, ends the process, or has a block that few inputs reach. */
export function readPlanted(text: string): string {
  if (text.includes('FAULT')) throw new RangeError('planted');
  if (text.includes('ABORT')) process.abort();
  if (text.includes('LOST')) void Promise.reject(new Error('nobody waits for this'));
  if (text.startsWith('RARE')) return 'rare';
  return 'usual';
}
