import { askHooks } from './hook-needs.js';
import type { HookNeeds } from './hook-needs.js';
import type { CopyGroup, HostCopy, HostFiles } from './host-files.js';
import { findImages, findKernels } from './kernels.js';

/** The keys' directories of mandos-keygen(8), and of systems other than Debian. */
const KEY_DIRECTORIES = ['/etc/keys/mandos', '/etc/mandos/keys'] as const;
export const SETTINGS = '/etc/mandos';
const CONFIGURATION = `${SETTINGS}/plugin-runner.conf`;
export const NETWORK_HOOKS = `${SETTINGS}/network-hooks.d`;
/** Directories of a PATH in which the hooks look for node. */
const NODE_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];
/** Names that are no editors' and packages' leftovers (mandos-client(8mandos), NETWORK HOOKS). */
const USABLE = /^(?!.*(\.dpkg-|\.ucf-|\.bak$))[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;

/** A network interface with a device behind it. */
export interface HostInterface {
  readonly name: string;
  /** Kernel modules of its driver and of the buses that it is on, as far as they are modules. */
  readonly modules: readonly string[];
  /** Wi-Fi, which takes a network hook. */
  readonly wireless: boolean;
}

/** The system that an image is for, as far as an image is compared with it. */
export interface Host {
  readonly files: HostFiles;
  readonly keyDirectory: string;
  /** plugin-runner.conf; undefined when there is none. */
  readonly configuration: Buffer | undefined;
  readonly configurationPath: string;
  readonly copies: readonly HostCopy[];
  readonly interfaces: readonly HostInterface[];
  readonly hooks: readonly HookNeeds[];
  /** Where the programs of this package are; undefined when they are not installed. */
  readonly programs: string | undefined;
  /** node, behind links. */
  readonly node: string | undefined;
  /** Releases of installed kernels, the newest first. */
  readonly kernels: readonly string[];
  /** Releases that have an image. */
  readonly releasesWithImage: readonly string[];
  readonly runningRelease: string;
}

/** Looks at the system, and asks its network hooks what they need. */
export async function readHost(files: HostFiles, runningRelease: string): Promise<Host> {
  const programs = findPrograms(files);
  return {
    files,
    keyDirectory: KEY_DIRECTORIES.find(directory => files.exists(directory)) ?? KEY_DIRECTORIES[0],
    configuration: files.read(CONFIGURATION),
    configurationPath: CONFIGURATION,
    copies: [...settings(files), ...programFiles(files, programs), ...startFiles(files)],
    interfaces: readInterfaces(files),
    hooks: await askHooks(
      files.at(NETWORK_HOOKS),
      usable(files, 'network-hooks.d').filter(name => files.isExecutable(`${NETWORK_HOOKS}/${name}`)),
    ),
    programs,
    node: NODE_DIRECTORIES.map(directory => files.realPath(`${directory}/node`)).find(
      path => path !== undefined,
    ),
    kernels: findKernels(files),
    releasesWithImage: findImages(files).map(({ release }) => release),
    runningRelease,
  };
}

/** Names of an administrator's files in a directory of /etc/mandos that the image gets. */
function usable(files: HostFiles, directory: string): string[] {
  return files
    .list(`${SETTINGS}/${directory}`)
    .filter(name => USABLE.test(name) && files.isFile(`${SETTINGS}/${directory}/${name}`));
}

function settings(files: HostFiles): HostCopy[] {
  const copies = (group: CopyGroup, directory: string, names: readonly string[]) =>
    names.map(name =>
      files.copy(group, `${SETTINGS}/${directory}/${name}`, `lib/mandos/${directory}/${name}`),
    );
  const executables = (directory: string) =>
    usable(files, directory).filter(name => files.isExecutable(`${SETTINGS}/${directory}/${name}`));
  return [
    ...copies('network hooks', 'network-hooks.d', usable(files, 'network-hooks.d')),
    ...['plugins.d', 'plugin-helpers'].flatMap(each => copies('plugins', each, executables(each))),
  ];
}

/** The directory with boot.cjs: of the processor's architecture on Debian. */
function findPrograms(files: HostFiles): string | undefined {
  const candidates = ['/usr/lib/mandos', ...files.list('/usr/lib').map(name => `/usr/lib/${name}/mandos`)];
  return candidates.find(directory => files.isFile(`${directory}/boot.cjs`));
}

function programFiles(files: HostFiles, programs: string | undefined): HostCopy[] {
  if (programs === undefined) return [];
  // tools.cjs is for the running system.
  const names = files.list(programs).filter(name => /^(?!tools\.).*\.(cjs|node)$/.test(name));
  return names.map(name => files.copy('programs', `${programs}/${name}`, `lib/mandos/${name}`));
}

/** What starts the client: initramfs-tools' scripts, and dracut's units. */
function startFiles(files: HostFiles): HostCopy[] {
  const [scripts, module] = ['/usr/share/initramfs-tools/scripts', '/usr/lib/dracut/modules.d/90mandos'];
  return [
    ...files
      .list(scripts)
      .map(stage => `${stage}/mandos`)
      .filter(name => files.isFile(`${scripts}/${name}`))
      .map(name => files.copy('start', `${scripts}/${name}`, `scripts/${name}`)),
    ...files
      .list(module)
      .filter(name => /\.(path|service)$/.test(name))
      .map(name => files.copy('start', `${module}/${name}`, `usr/lib/systemd/system/${name}`)),
  ];
}

/** Interfaces that are devices, not made by software: the others are network hooks' business. */
function readInterfaces(files: HostFiles): HostInterface[] {
  return files.list('/sys/class/net').flatMap(name => {
    const device = files.realPath(`/sys/class/net/${name}/device`);
    if (device === undefined || device.startsWith('/sys/devices/virtual/')) return [];
    const modules: string[] = [];
    // The device is behind its bus, as an adapter on USB is behind the USB controller.
    for (let at = device; at.startsWith('/sys/devices/'); at = at.slice(0, at.lastIndexOf('/'))) {
      const module = files.realPath(`${at}/driver/module`);
      if (module !== undefined) modules.push(module.slice(module.lastIndexOf('/') + 1));
    }
    const wireless = ['wireless', 'phy80211'].some(entry => files.exists(`/sys/class/net/${name}/${entry}`));
    return [{ name, modules: [...new Set(modules)], wireless }];
  });
}
