import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import type { Subject } from '../subject.js';

/** An encrypted volume that the image opens (crypttab(5)). */
export interface Volume {
  readonly name: string;
  /** A path, or as in `UUID=…`. */
  readonly source: string;
  /** What opens it without a password: a key file or a keyscript; undefined: it is asked for. */
  readonly key: string | undefined;
}

/** The volumes of an image's crypttab. */
export function volumesOf({ image, generator }: Subject): Volume[] {
  const file = image.tree.file(generator === 'dracut' ? 'etc/crypttab' : 'cryptroot/crypttab');
  return (file?.content?.toString() ?? '').split('\n').flatMap(line => {
    const [name = '', source = '', key = 'none', options = ''] = line.trim().split(/\s+/);
    if (name === '' || name.startsWith('#') || source === '') return [];
    const keyscript = /(?:^|,)keyscript=([^,]*)/.exec(options)?.[1];
    const keyFile = ['none', '-', ''].includes(key) ? undefined : key;
    return [{ name, source, key: keyscript ?? keyFile }];
  });
}

/** Whether anything will ask for the password, and what. */
export function checkVolumes(subject: Subject): Finding[] {
  if (subject.generator === 'other' || subject.client === 'none') return [];
  const { image, generator, update } = subject;
  const volumes = volumesOf(subject);
  const asked = volumes.filter(({ key }) => key === undefined).map(({ name }) => name);
  const keyed = volumes.flatMap(({ name, key }) => (key === undefined ? [] : `${name} (with ${key})`));
  const findings: Finding[] = [];
  if (generator === 'initramfs-tools' && !image.tree.file('lib/cryptsetup/askpass'))
    findings.push(
      fail(
        'volumes',
        `the image has no /lib/cryptsetup/askpass, which takes the password: install cryptsetup-initramfs, then run ${update}`,
      ),
    );
  if (volumes.length === 0 && generator === 'initramfs-tools')
    findings.push(
      fail(
        'volumes',
        `the image opens no encrypted volume: add the option "initramfs" to its line in /etc/crypttab, then run ${update}`,
      ),
    );
  else if (asked.length === 0 && volumes.length > 0)
    findings.push(warning('volumes', `nothing asks for a password: ${keyed.join(', ')}`));
  if (findings.length > 0) return findings;
  const others = keyed.length > 0 ? `; opened otherwise: ${keyed.join(', ')}` : '';
  const what = volumes.length === 0 ? 'what systemd asks for, as the boot parameters say' : asked.join(', ');
  return [ok('volumes', `the password is for ${what}${others}`)];
}
