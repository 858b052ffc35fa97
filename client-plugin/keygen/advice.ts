/** Where the original keeps a machine's keys before they are copied to the initramfs (mandos-keygen(8)). */
export const KEY_DIRECTORY = '/etc/keys/mandos';

/**
 * A command of this program for the keys in a directory, for a person to paste into a shell.
 * @param option such as `--force`; none makes keys
 */
export function keygenCommand(directory: string, option?: string): string {
  const words = ['mandos-keygen', ...(option === undefined ? [] : [option])];
  if (directory !== KEY_DIRECTORY) words.push(`--dir=${shellWord(directory)}`);
  return words.join(' ');
}

function shellWord(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
