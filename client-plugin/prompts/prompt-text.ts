import { printable } from '../../common/log.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What is asked for, as askpass of cryptsetup's initramfs says it: the volume's source and name are in its
 * environment (password-prompt(8mandos), ENVIRONMENT), under names that were others until Debian 7.
 */
export function volumePrompt(environment: Environment): string {
  const source = environment['CRYPTTAB_SOURCE'] || environment['cryptsource'] || '';
  const name = environment['CRYPTTAB_NAME'] || environment['crypttarget'] || '';
  if (source === '' && name === '') return 'Enter passphrase to unlock the disk';
  const volume = [source && printable(source), name && `(${printable(name)})`].filter(text => text !== '');
  return `Unlocking the disk ${volume.join(' ')}\nEnter passphrase`;
}
