import type { BundledModule } from './node-modules.js';
import { licenseText } from './node-modules.js';

/** Licences of which every Debian system has the text, and what they are called there. */
const COMMON: Readonly<Record<string, { readonly name: string; readonly file: string }>> = {
  'Apache-2.0': { name: 'Apache-2.0', file: 'Apache-2.0' },
  'LGPL-3.0+': { name: 'LGPL-3+', file: 'LGPL-3' },
};

/**
 * Debian's copyright file in machine-readable form, for this project and the modules of others that the package has in
 * it.
 * @param header text for this project: paragraphs up to the first licence
 * @param where the modules lie in the package, as a pattern for each
 */
export function copyrightFile(
  header: string,
  modules: readonly BundledModule[],
  where: (module: BundledModule) => string,
): string {
  const paragraphs = modules.map(module => {
    const { name, version, homepage } = module;
    const text = ownText(module, modules);
    const common = COMMON[module.license];
    const holders = text.split('\n').filter(line => /^\s*(?:Copyright\b|\(c\))/i.test(line));
    const copyright = holders.length > 0 ? holders.map(line => line.trim()) : [`the authors of ${name}`];
    const body = common
      ? `On Debian systems, the text of this license is in\n/usr/share/common-licenses/${common.file}.`
      : text;
    return [
      `Files: ${where(module)}`,
      `Copyright: ${copyright.join('\n ')}`,
      `License: ${common?.name ?? `${module.license.replaceAll(/[^\w.+-]+/g, '-').replaceAll(/^-|-$/g, '')}-${idOf(name)}`}`,
      indent(body),
      `Comment: ${name} ${version}${homepage === undefined ? '' : `, ${homepage}`}`,
    ].join('\n');
  });
  return `${[header.trimEnd(), ...paragraphs].join('\n\n')}\n`;
}

/** A module that only holds a binary is licensed as the one that it belongs to. */
function ownText(module: BundledModule, all: readonly BundledModule[]): string {
  const own = licenseText(module);
  if (own !== undefined) return withoutGpl(own);
  const parent = all.find(({ name }) => name !== module.name && module.name.includes(`/${name}-`));
  const text = parent && licenseText(parent);
  return text === undefined ? `${module.license}, as its package.json says.` : withoutGpl(text);
}

/** Where one may choose, the other licence is chosen. */
function withoutGpl(text: string): string {
  const [first = ''] = text.split(/^.*GNU GENERAL PUBLIC LICENSE\s*$/m, 1);
  return first.replaceAll(/^[-=]{5,}$/gm, '').trim();
}

function idOf(name: string): string {
  return name.replace(/^@/, '').replaceAll('/', '-');
}

/** A blank line of a field is a point (Debian Policy, section 5.6.13). */
function indent(text: string): string {
  return text
    .replaceAll('\r', '')
    .split('\n')
    .map(line => (line.trim() === '' ? ' .' : ` ${line.replaceAll('\t', '    ').trimEnd()}`))
    .join('\n');
}
