import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Metafile } from 'esbuild';
import { installBoot, linkToLauncher, writeLauncher } from './install.js';
import { DEFAULT_NODE, TOOLS, TOOLS_LAUNCHER } from './layout.js';

const ROOT = join(import.meta.dirname, '../../..');
const require = createRequire(import.meta.url);

/**
 * Makes the bundles of the initramfs and of the running system in a directory, with koffi.node, launchers and links:
 * the programs run from there. No node_modules are needed, only node and GnuTLS.
 * @returns what each bundle is made of
 */
export async function makeBundle(directory: string): Promise<Record<'boot' | 'tools' | 'openpgp', Metafile>> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // This package's files are ES modules; the bundle is not.
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
  const platform = `${process.platform}_${process.arch}`;
  copyFileSync(
    require.resolve(`@koromix/koffi-${platform.replace('_', '-')}/${platform}/koffi.node`),
    join(directory, 'koffi.node'),
  );
  const source = (name: string) => join(ROOT, `initramfs-hooks/bundle/${name}.ts`);
  const alias = {
    openpgp: join(ROOT, 'initramfs-hooks/bundle/openpgp.cjs'),
    // koffi's own JavaScript only finds the right binary of many.
    koffi: join(ROOT, 'initramfs-hooks/bundle/koffi.cjs'),
  };
  const boot = await makeFile(source('boot'), join(directory, 'boot.cjs'), alias);
  const tools = await makeFile(source('tools'), join(directory, 'tools.cjs'), alias);
  // Its ESM build asks for import.meta.url, which a CommonJS bundle does not have.
  const library = require.resolve('openpgp').replace(/dist\/node\/.*$/, 'dist/node/openpgp.min.cjs');
  const openpgp = await makeFile(library, join(directory, 'openpgp.cjs'), {});
  installBoot(directory, directory, DEFAULT_NODE);
  writeLauncher(directory, TOOLS_LAUNCHER, 'tools', DEFAULT_NODE);
  for (const tool of TOOLS) linkToLauncher(directory, tool, TOOLS_LAUNCHER);
  return { boot, tools, openpgp };
}

async function makeFile(source: string, outfile: string, alias: Record<string, string>): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [source],
    outfile,
    alias,
    absWorkingDir: ROOT,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    charset: 'ascii',
    // The licences of what is in it, beside it.
    legalComments: 'external',
    define: { 'import.meta.dirname': '__dirname' },
    external: ['./koffi.node'],
  });
  return metafile;
}
