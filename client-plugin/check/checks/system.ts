import { listed } from '../../../common/listed.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import type { Host } from '../host.js';
import type { HostFiles } from '../host-files.js';

const SHOWN = 3;
/** The word of the kernel's command line that keeps the client from starting. */
const OFF = /(?:^|[\s"'])mandos=off(?:$|[\s"'])/m;

/** What is not about one image: kernels without one, and boot parameters. */
export function checkSystem(host: Host, checked: readonly string[]): Finding[] {
  return [...kernelFindings(host, checked), ...bootParameterFindings(host.files)];
}

function kernelFindings({ files, kernels, releasesWithImage }: Host, checked: readonly string[]): Finding[] {
  const [newest] = kernels;
  if (newest === undefined) return [];
  const without = kernels.filter(release => !releasesWithImage.includes(release));
  if (without.includes(newest)) {
    return [
      fail(
        'kernels',
        `${newest}, the newest kernel, has no image, and is what is started by default: run ${makeCommand(files, newest)}`,
      ),
    ];
  }
  if (without.length > 0)
    return [
      warning(
        'kernels',
        `${listed(without, SHOWN)} cannot be started with encrypted disks: no image is there`,
      ),
    ];
  if (!checked.includes(newest)) {
    return [
      warning(
        'kernels',
        `${newest}, the newest kernel, is what is started by default, and its image was not checked: see --all`,
      ),
    ];
  }
  return [ok('kernels', `the newest, ${newest}, has an image`)];
}

function makeCommand(files: HostFiles, release: string): string {
  return files.exists('/usr/lib/dracut') && !files.exists('/usr/share/initramfs-tools/scripts')
    ? `"dracut /boot/initrd.img-${release} ${release}"`
    : `"update-initramfs -c -k ${release}"`;
}

function bootParameterFindings(files: HostFiles): Finding[] {
  const off = [
    ...['/proc/cmdline', '/etc/kernel/cmdline'].filter(file => OFF.test(files.text(file))),
    ...grubFiles(files).filter(file => isOffInGrub(files.text(file))),
  ];
  return off.map(file =>
    warning(
      'boot parameters',
      file === '/proc/cmdline'
        ? 'the running system was started with mandos=off: see that the next start is not'
        : `${file} has mandos=off, so that the client does not run: take it out${file.startsWith('/etc/default/') ? ', then run "update-grub"' : ''}`,
    ),
  );
}

function grubFiles(files: HostFiles): string[] {
  const directory = '/etc/default/grub.d';
  const parts = files.list(directory).filter(name => name.endsWith('.cfg'));
  return ['/etc/default/grub', ...parts.map(name => `${directory}/${name}`)];
}

function isOffInGrub(text: string): boolean {
  return text
    .split('\n')
    .some(line => /^\s*GRUB_CMDLINE_LINUX\w*=/.test(line) && OFF.test(line.replace('=', ' ')));
}
