import { fail, ok } from '../finding.js';
import type { Finding } from '../finding.js';
import type { Subject } from '../subject.js';

const SYSTEMD_UNITS = 'usr/lib/systemd/system';
const WANTED = 'sysinit.target.wants/ask-password-mandos.path';
const PREMOUNT = 'scripts/init-premount';
/** initramfs-tools' script that starts the client. */
export const STARTER = `${PREMOUNT}/mandos`;

/** Whether the client is started at boot. */
export function checkStart(subject: Subject): Finding[] {
  if (subject.client === 'none') return [];
  const { tree } = subject.image;
  const absent: string[] = [];
  const needProgram = (path: string) => {
    const file = tree.file(path);
    if (file === undefined) absent.push(`no /${path}`);
    else if ((file.mode & 0o111) === 0) absent.push(`/${path} that is not executable`);
    else if (file.size === 0) absent.push(`/${path} that is empty`);
  };
  switch (subject.generator) {
    case 'initramfs-tools': {
      needProgram(STARTER);
      const order = tree.file(`${PREMOUNT}/ORDER`)?.content?.toString();
      if (order !== undefined && !order.includes(`/${STARTER}`))
        absent.push(`/${PREMOUNT}/ORDER without mandos`);
      needProgram('lib/mandos/mandos-to-cryptroot-unlock');
      break;
    }
    case 'dracut':
      for (const unit of ['ask-password-mandos.path', 'ask-password-mandos.service'])
        if (!tree.file(`${SYSTEMD_UNITS}/${unit}`)?.size) absent.push(`no /${SYSTEMD_UNITS}/${unit}`);
      if (![SYSTEMD_UNITS, 'etc/systemd/system'].some(directory => tree.resolve(`${directory}/${WANTED}`)))
        absent.push(`no ${WANTED}, which starts it`);
      needProgram('lib/mandos/password-agent');
      break;
    case 'other':
      return [];
  }
  // With dracut, the original's client lies beside its directory of plugins.
  if (subject.client === 'ours') needProgram('lib/mandos/plugins.d/mandos-client');
  return absent.length === 0
    ? [ok('start', 'the client is started at boot')]
    : [
        fail(
          'start',
          `the client is not started at boot, as the image has ${absent.join(', ')}: run ${subject.update}`,
        ),
      ];
}
