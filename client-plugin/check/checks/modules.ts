import { listed } from '../../../common/listed.js';
import { isInterfaceUsed } from '../client-words.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import { adviseModules } from '../subject.js';
import type { Subject } from '../subject.js';

const SHOWN = 5;
const MODULE = /^(.+)\.ko(\.(?:gz|xz|zst))?$/;

/** Whether the kernel of the image will have the drivers that it takes to reach a server. */
export function checkModules(subject: Subject): Finding[] {
  const { image, host, release, update } = subject;
  if (release === undefined)
    return [
      warning('modules', 'the kernel that the image is for cannot be told, so that drivers are not checked'),
    ];
  const kernel = kernelModules(subject, release);
  if (!image.tree.resolve(`lib/modules/${release}`) && !kernel.isMonolithic) {
    const others = image.tree.list('lib/modules');
    const instead = others.length > 0 ? `, but those of ${others.join(', ')}` : '';
    return [fail('modules', `the image has no modules of kernel ${release}${instead}: run ${update}`)];
  }
  const findings = [
    ...driverFindings(subject, kernel),
    ...ipv6Findings(subject, kernel),
    ...hookFindings(subject, kernel),
  ];
  return findings.some(({ level }) => level !== 'ok')
    ? findings.filter(({ level }) => level !== 'ok')
    : [ok('modules', `of kernel ${release}: ${describeDrivers(host.interfaces)}, and IPv6`)];
}

interface KernelModules {
  /** In the image, or part of the kernel, with all that it needs in turn. */
  has(module: string): boolean;
  /** Of what a module needs, what is not there. */
  missingFor(module: string): string[];
  /** Neither modules here nor a list of what is built in: a kernel without any. */
  readonly isMonolithic: boolean;
}

function kernelModules({ image, host }: Subject, release: string): KernelModules {
  const directory = `lib/modules/${release}`;
  const text = (name: string) => {
    const there = host.files.text(`/${directory}/${name}`) || host.files.text(`/usr/${directory}/${name}`);
    return there || (image.tree.file(`${directory}/${name}`)?.content?.toString() ?? '');
  };
  const root = image.tree.resolve(directory)?.path;
  const loadable = new Set<string>();
  if (root !== undefined) {
    for (const { path } of image.tree.all()) if (path.startsWith(`${root}/`)) loadable.add(moduleName(path));
  }
  const builtIn = new Set(text('modules.builtin').split('\n').map(moduleName));
  const dependencies = new Map(
    text('modules.dep')
      .split('\n')
      .map(line => {
        const [module = '', rest = ''] = line.split(':', 2);
        return [moduleName(module), rest.split(' ').filter(Boolean).map(moduleName)];
      }),
  );
  const isThere = (module: string) => loadable.has(module) || builtIn.has(module);
  const missingFor = (module: string) => {
    const name = normal(module);
    return isThere(name) ? (dependencies.get(name) ?? []).filter(each => !isThere(each)) : [name];
  };
  return {
    missingFor,
    has: module => missingFor(module).length === 0,
    isMonolithic: root === undefined && !text('modules.builtin') && !host.files.exists(`/${directory}`),
  };
}

/** The drivers of this machine's network interfaces, as far as the client is to use them. */
function driverFindings(subject: Subject, kernel: KernelModules): Finding[] {
  const { host } = subject;
  const isUsed = isInterfaceUsed(subject);
  return host.interfaces.flatMap(({ name, modules, wireless }) => {
    // Wi-Fi takes a network hook, which names the modules.
    if (wireless || !isUsed(name)) return [];
    const missing = [...new Set(modules.flatMap(module => kernel.missingFor(module)))];
    if (missing.length === 0) return [];
    return [
      fail(
        'modules',
        `the image has no ${listed(missing, SHOWN)}, which ${name} needs: ${adviseModules(subject, missing)}`,
      ),
    ];
  });
}

function ipv6Findings(subject: Subject, kernel: KernelModules): Finding[] {
  if (kernel.isMonolithic || kernel.has('ipv6')) return [];
  return [
    warning(
      'modules',
      `the image has no ipv6, without which only servers with IPv4 addresses can be reached: ${adviseModules(subject, ['ipv6'])}`,
    ),
  ];
}

/** What the network hooks of the system say that they need. */
function hookFindings({ host, image, update }: Subject, kernel: KernelModules): Finding[] {
  return host.hooks.flatMap(({ hook, files, modules, fault }) => {
    if (fault !== undefined) return [warning('network hooks', `${hook}: ${fault}`)];
    const findings: Finding[] = [];
    const missing = modules.map(line => line.split(/\s/, 1)[0] ?? '').filter(module => !kernel.has(module));
    if (missing.length > 0)
      findings.push(
        fail(
          'network hooks',
          `${hook} needs the modules ${listed(missing, SHOWN)}, which the image has not: run ${update}`,
        ),
      );
    const absent = files.filter(line => {
      const [file = '', target = file] = line.split(/\s+/);
      const found = image.tree.resolve(target);
      if (found?.kind === 'directory')
        return !image.tree.resolve(`${target}/${file.slice(file.lastIndexOf('/') + 1)}`);
      return found === undefined;
    });
    if (absent.length > 0)
      findings.push(
        fail(
          'network hooks',
          `${hook} needs ${listed(absent, SHOWN)}, which the image has not: run ${update}`,
        ),
      );
    return findings;
  });
}

function describeDrivers(interfaces: Subject['host']['interfaces']): string {
  if (interfaces.length === 0) return 'no network interface of this machine needs a driver';
  return interfaces
    .map(({ name, modules: [driver] }) => `${name}${driver === undefined ? '' : ` (${driver})`}`)
    .join(', ');
}

/** Module names are the same with - and _ (modprobe(8)). */
const normal = (name: string): string => name.replaceAll('-', '_');

/** As in `virtio_net`, of a path to virtio_net.ko.xz. */
function moduleName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).trim();
  return normal(MODULE.exec(name)?.[1] ?? name);
}
