import { listed } from '../../../common/listed.js';
import { clientOptions } from '../../options.js';
import type { ClientOptions } from '../../options.js';
import { bootOptions, readConfiguration } from '../client-words.js';
import { fail, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import { NETWORK_HOOKS } from '../host.js';
import type { ImageFile } from '../image/tree.js';
import type { Subject } from '../subject.js';

const CHECK = 'configuration';
const SHOWN = 3;
const isExecutable = (file: ImageFile | undefined) => ((file?.mode ?? 0) & 0o111) !== 0;

/** Whether the directories and interfaces that plugin-runner.conf names will be there. Keys are another check's. */
export function checkNamed(subject: Subject): Finding[] {
  const plugins = pluginFindings(subject);
  let options: ClientOptions;
  try {
    options = bootOptions(subject);
  } catch {
    return plugins; // said by another check
  }
  return [
    ...plugins,
    ...hookFindings(subject, options.hooks.directory),
    ...interfaceFindings(subject, options.interfaces.names),
  ];
}

/** Under systemd there is no plugin runner. */
function pluginFindings({ generator, image, configuration, host, update }: Subject): Finding[] {
  if (generator === 'dracut') return [];
  const usual = readConfiguration('').pluginDirectory;
  const { pluginDirectory } = readConfiguration(configuration?.content?.toString() ?? '');
  // Without the client in the usual directory it is not started: another check's.
  if (pluginDirectory === usual || isExecutable(image.tree.file(`${pluginDirectory}/mandos-client`)))
    return [];
  return [
    fail(
      CHECK,
      `--plugin-dir of ${host.configurationPath} names ${pluginDirectory}, where the image has no mandos-client: take it out, then run ${update}`,
    ),
  ];
}

function hookFindings({ image: { tree }, host, update }: Subject, directory: string): Finding[] {
  const usual = clientOptions(new Map()).hooks.directory;
  const there = tree.resolve(directory);
  if (there !== undefined && there === tree.resolve(usual)) return [];
  const unused = tree
    .list(usual)
    .filter(name => isExecutable(tree.file(`${usual}/${name}`)) && !tree.file(`${directory}/${name}`));
  if (unused.length === 0) return [];
  const isEmpty = tree.list(directory).length === 0;
  const where = `--network-hook-dir of ${host.configurationPath} names ${directory}`;
  const what = `${isEmpty ? ', where the image has nothing' : ''}, so that ${listed(unused, SHOWN)} in ${usual} ${unused.length === 1 ? 'is' : 'are'} not run`;
  return [(isEmpty ? fail : warning)(CHECK, `${where}${what}: take it out, then run ${update}`)];
}

/** An interface may be a card, or be made by a network hook or what the kernel is told; all of these name it. */
function interfaceFindings({ host, update }: Subject, names: readonly string[]): Finding[] {
  const makers = [...host.files.list(NETWORK_HOOKS).map(name => `${NETWORK_HOOKS}/${name}`), '/proc/cmdline'];
  const words = new Set(makers.flatMap(file => wordsOf(host.files.text(file))));
  const cards = new Set(host.interfaces.map(({ name }) => name));
  const unknown = names.filter(name => !cards.has(name) && !words.has(name));
  if (unknown.length === 0) return [];
  return [
    warning(
      CHECK,
      `--interface of ${host.configurationPath} names ${listed(unknown, SHOWN)}, which is neither a network card of this machine nor in a network hook: correct it, then run ${update}`,
    ),
  ];
}

/** What may be interfaces' names in a shell's settings, comments aside. */
function wordsOf(text: string): string[] {
  return text
    .split('\n')
    .filter(line => !/^\s*#/.test(line))
    .flatMap(line => line.split(/[\s"'=:,;]+/));
}
