import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeBundle } from '../../initramfs-hooks/bundle/bundle.js';
import { TOOLS, TOOLS_LAUNCHER } from '../../initramfs-hooks/bundle/layout.js';
import { copyrightFile } from './copyright.js';
import type { Package } from './deb.js';
import { strip, thisArchitecture } from './deb.js';
import { libraryDependencies } from './libraries.js';
import { modulesOf } from './node-modules.js';
import type { ConfigurationFile, Source } from './parts.js';
import {
  addConfiguration,
  addDocuments,
  addManualPages,
  controlText,
  debianFile,
  maintainerScripts,
  manualPages,
} from './parts.js';
import { listFiles, Tree } from './tree.js';

export const CLIENT_PACKAGE = 'mandos-ts-client';

/** The client's manual pages besides those of the section 8mandos. */
const MANUAL_PAGES = ['mandos-keygen.8', 'mandos-initramfs.8', 'plugin-runner.conf.5mandos'];

const CONFIGURATION: readonly ConfigurationFile[] = [
  { source: 'plugin-runner.conf', path: '/etc/mandos/plugin-runner.conf', mode: 0o644 },
];

/** The package of the client: for the initramfs, and mandos-keygen. */
export async function clientPackage(source: Source): Promise<Package> {
  const { root, version } = source;
  const tree = new Tree(join(source.work, CLIENT_PACKAGE));
  const home = `usr/lib/${thisArchitecture().multiarch}/mandos`;
  const modules = await addBundle(source, tree, home);
  for (const tool of TOOLS) tree.link(`usr/sbin/${tool}`, `${home}/${TOOLS_LAUNCHER}`);
  const koffi = join(tree.root, home, 'koffi.node');
  strip(koffi);

  addScripts(join(root, 'initramfs-hooks/initramfs-tools'), tree, 'usr/share/initramfs-tools');
  addScripts(join(root, 'initramfs-hooks/dracut'), tree, 'usr/lib/dracut/modules.d');
  addScripts(join(root, 'network-hooks.d'), tree, `usr/share/doc/${CLIENT_PACKAGE}/examples/network-hooks.d`);
  addConfiguration(source, tree, CONFIGURATION);
  for (const directory of ['plugins.d', 'network-hooks.d']) tree.directory(`etc/mandos/${directory}`);
  tree.directory('etc/mandos/plugin-helpers', 0o700);
  tree.directory('etc/keys/mandos', 0o700);
  tree.copy(join(root, 'packaging/systemd/mandos.sysusers'), 'usr/lib/sysusers.d/mandos-client.conf');
  const pages = manualPages(source).filter(name => name.endsWith('.8mandos') || MANUAL_PAGES.includes(name));
  addManualPages(source, tree, pages);
  const copyright = copyrightFile(debianFile(source, 'copyright'), modules, () => `${home}/*`);
  addDocuments(source, tree, CLIENT_PACKAGE, copyright);
  return {
    name: CLIENT_PACKAGE,
    version,
    tree,
    control: controlText(source, CLIENT_PACKAGE, libraryDependencies([koffi])),
    scripts: maintainerScripts(source, CLIENT_PACKAGE, 'mandos-client', CONFIGURATION),
    conffiles: CONFIGURATION.map(({ path }) => path),
  };
}

/** The output of `npm run bundle`. @returns the modules that are in it */
async function addBundle(source: Source, tree: Tree, home: string): Promise<ReturnType<typeof modulesOf>> {
  tree.directory(home);
  const directory = join(tree.root, home);
  const bundles = await makeBundle(directory);
  // The cache is made on the machine that boots.
  for (const name of readdirSync(directory)) if (name.endsWith('.cache')) rmSync(join(directory, name));
  const inputs = Object.values(bundles).flatMap(({ inputs: files }) => Object.keys(files));
  const koffi = `node_modules/@koromix/koffi-${process.platform}-${process.arch}/package.json`;
  return modulesOf(source.root, [...inputs, 'node_modules/koffi/package.json', koffi]);
}

/** Shell scripts as they lie in the checkout; `hook` is the one in `hooks`, which is called after the package. */
function addScripts(from: string, tree: Tree, to: string): void {
  if (!existsSync(from)) return;
  for (const file of listFiles(from)) {
    // What is for who works on them, such as shellcheck's settings.
    if (/(?:^|\/)(?:README|\.)|\.md$/.test(file)) continue;
    const full = join(from, file);
    const target = `${to}/${file === 'hook' ? 'hooks/mandos' : file}`;
    const mode = statSync(full).mode & 0o111 ? 0o755 : 0o644;
    tree.copy(full, target, mode);
  }
}
