import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { copyrightFile } from './copyright.js';
import type { Package } from './deb.js';
import { strip } from './deb.js';
import { libraryDependencies } from './libraries.js';
import { modulesOf, runtimeFiles } from './node-modules.js';
import type { ConfigurationFile, Source } from './parts.js';
import {
  addConfiguration,
  addDocuments,
  addManualPages,
  controlText,
  debianFile,
  maintainerScripts,
} from './parts.js';
import { listFiles, Tree } from './tree.js';

export const SERVER_PACKAGE = 'mandos-ts';

const HOME = 'usr/lib/mandos-ts';

/** What is called, by its name in /usr/sbin. */
const PROGRAMS = {
  mandos: 'server/main.js',
  'mandos-ctl': 'monitor/mandos-ctl.js',
  'mandos-monitor': 'monitor/mandos-monitor.js',
} as const;

/** Of docs/, with their modes. */
const EXAMPLES = [
  ['hooks/mandos-notify', 0o755],
  ['prometheus/alerts.yml', 0o644],
  ['grafana/mandos.json', 0o644],
] as const;

/** Of docs/: what administrators need, and what manual pages, messages and examples name. */
const DOCUMENTS = [
  'audit-log.md',
  'dbus-api.md',
  'errors.md',
  'metrics.md',
  'release-check.md',
  'reliability.md',
  'sandbox.md',
  'troubleshooting.md',
];

/** Started by a program, as a process of its own. */
const OTHER_PROGRAMS = ['server/state/writer-process.js', 'server/release/workers/worker-process.js'];

const FOLDERS = ['common', 'server', 'monitor'];

const MANUAL_PAGES = [
  'mandos.8',
  'mandos-ctl.8',
  'mandos-monitor.8',
  'mandos.conf.5',
  'mandos-clients.conf.5',
];

const CONFIGURATION: readonly ConfigurationFile[] = [
  // It holds the (encrypted) passwords.
  { source: 'clients.conf', path: '/etc/mandos/clients.conf', mode: 0o600 },
  { source: 'mandos.conf', path: '/etc/mandos/mandos.conf', mode: 0o644 },
  { source: 'default-mandos', path: '/etc/default/mandos', mode: 0o644 },
];

/** A configuration file that the original's package does not have. */
const LOGROTATE = '/etc/logrotate.d/mandos-ts';

/** The package of the server and its operator's programs. */
export async function serverPackage(source: Source): Promise<Package> {
  const { root, version } = source;
  const tree = new Tree(join(source.work, SERVER_PACKAGE));
  const programs = [...Object.values(PROGRAMS), ...OTHER_PROGRAMS].map(path => `dist/${path}`);
  for (const folder of FOLDERS) {
    for (const file of listFiles(join(root, 'dist', folder))) {
      // tsc leaves the output of sources that are gone.
      const isCurrent = existsSync(join(root, folder, file.replace(/\.js$/, '.ts')));
      if (file.endsWith('.js') && isCurrent) addProgramFile(source, tree, join(folder, file));
    }
  }
  for (const [name, path] of Object.entries(PROGRAMS)) tree.link(`usr/sbin/${name}`, `${HOME}/${path}`);
  tree.write(`${HOME}/package.json`, `${JSON.stringify({ name: SERVER_PACKAGE, type: 'module' })}\n`);

  const files = await runtimeFiles(root, programs);
  for (const file of files) tree.copy(join(root, file), `${HOME}/${file}`);
  const binaries = files.filter(file => file.endsWith('.node')).map(file => join(tree.root, HOME, file));
  binaries.forEach(strip);

  addConfiguration(source, tree, CONFIGURATION);
  tree.write(LOGROTATE.slice(1), debianFile(source, 'etc', 'logrotate-mandos'));
  tree.directory('etc/mandos/clients.d', 0o700);
  tree.directory('var/lib/mandos', 0o700);
  addManualPages(source, tree, MANUAL_PAGES);
  const copy = (from: string, to: string) => tree.copy(join(root, 'packaging', from), to);
  copy('dbus/mandos.conf', 'usr/share/dbus-1/system.d/mandos.conf');
  copy('systemd/mandos.service', 'lib/systemd/system/mandos.service');
  copy('systemd/mandos.sysusers', 'usr/lib/sysusers.d/mandos.conf');
  copy('systemd/mandos.tmpfiles', 'usr/lib/tmpfiles.d/mandos.conf');
  copy('completions/bash/mandos-ctl', 'usr/share/bash-completion/completions/mandos-ctl');
  copy('completions/zsh/_mandos-ctl', 'usr/share/zsh/vendor-completions/_mandos-ctl');
  const examples = `usr/share/doc/${SERVER_PACKAGE}/examples`;
  for (const [file, mode] of EXAMPLES)
    tree.copy(join(root, 'docs', file), `${examples}/${basename(file)}`, mode);
  for (const file of DOCUMENTS) {
    tree.copy(join(root, 'docs', file), `usr/share/doc/${SERVER_PACKAGE}/${file}`);
  }
  const where = `${HOME}/node_modules`;
  const copyright = copyrightFile(
    debianFile(source, 'copyright'),
    modulesOf(root, files),
    ({ name }) => `${where}/${name}/*`,
  );
  addDocuments(source, tree, SERVER_PACKAGE, copyright);
  return {
    name: SERVER_PACKAGE,
    version,
    tree,
    control: controlText(source, SERVER_PACKAGE, libraryDependencies(binaries)),
    scripts: maintainerScripts(source, SERVER_PACKAGE, 'mandos', CONFIGURATION),
    conffiles: [...CONFIGURATION.map(({ path }) => path), LOGROTATE],
  };
}

/** A program of a package names its interpreter: another `node` in somebody's PATH is not asked. */
function addProgramFile({ root }: Source, tree: Tree, path: string): void {
  const text = readFileSync(join(root, 'dist', path), 'utf8');
  const isProgram = text.startsWith('#!');
  tree.write(`${HOME}/${path}`, text.replace(/^#!.*/, '#!/usr/bin/node'), isProgram ? 0o755 : 0o644);
}
