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
export async function makeBundle(directory: string): Promise<Record<'boot' | 'tools', Metafile>> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // This package's files are ES modules; the bundle is not.
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
  const platform = `${process.platform}_${process.arch}`;
  copyFileSync(
    require.resolve(`@koromix/koffi-${platform.replace('_', '-')}/${platform}/koffi.node`),
    join(directory, 'koffi.node'),
  );
  const boot = await makeFile('boot', directory);
  const tools = await makeFile('tools', directory);
  installBoot(directory, directory, DEFAULT_NODE);
  writeLauncher(directory, TOOLS_LAUNCHER, 'tools', DEFAULT_NODE);
  for (const tool of TOOLS) linkToLauncher(directory, tool, TOOLS_LAUNCHER);
  return { boot, tools };
}

async function makeFile(name: string, directory: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [join(ROOT, `initramfs-hooks/bundle/${name}.ts`)],
    outfile: join(directory, `${name}.cjs`),
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
    alias: {
      // openpgp's ESM build asks for import.meta.url, which a CommonJS bundle does not have.
      openpgp: require.resolve('openpgp').replace(/dist\/node\/.*$/, 'dist/node/openpgp.min.cjs'),
      // koffi's own JavaScript only finds the right binary of many.
      koffi: join(ROOT, 'initramfs-hooks/bundle/koffi.cjs'),
    },
    define: { 'import.meta.dirname': '__dirname' },
    external: ['./koffi.node'],
  });
  return metafile;
}
