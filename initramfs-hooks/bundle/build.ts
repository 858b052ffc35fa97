import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { build } from 'esbuild';

/**
 * npm run bundle: the programs of the initramfs as one file beside koffi.node, with V8's code cache, in dist/bundle.
 * No node_modules are needed to run it: the initramfs gets these files, node and GnuTLS.
 */
const ROOT = join(import.meta.dirname, '../../..');
const OUT = join(ROOT, 'dist/bundle');
const PROGRAM = join(OUT, 'mandos-client.cjs');
const require = createRequire(import.meta.url);

/** What a CommonJS module is wrapped in; the code cache is for the text with it. */
const [HEAD, TAIL] = ['(function (exports, require, module, __filename, __dirname) {', '\n})'];

/**
 * Starts the bundle from its code cache where that fits the running node: V8 checks version and flags and else
 * compiles as usual. The source is ASCII, which V8 takes as it is.
 */
const LAUNCHER = `#!/usr/bin/env node
'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const file = __dirname + '/mandos-client.cjs';
let cachedData;
try {
  cachedData = readFileSync(__dirname + '/mandos-client.cache');
} catch {}
const source = ${JSON.stringify(HEAD)} + readFileSync(file, 'latin1') + ${JSON.stringify(TAIL)};
const script = new Script(source, { filename: file, cachedData });
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, require, bundle, file, __dirname);
bundle.exports.main(process.argv.slice(2));
`;

/** The code cache, made after a run of what a boot runs: functions compiled on their first call are in it too. */
async function createCache(): Promise<Buffer> {
  const script = new Script(HEAD + readFileSync(PROGRAM, 'latin1') + TAIL, { filename: PROGRAM });
  const bundle = { exports: {} as { warmUp(): Promise<void> } };
  const wrapper = script.runInThisContext() as (...args: unknown[]) => void;
  wrapper(bundle.exports, createRequire(PROGRAM), bundle, PROGRAM, OUT);
  await bundle.exports.warmUp();
  return script.createCachedData();
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
// This package's files are ES modules; the bundle is not.
writeFileSync(join(OUT, 'package.json'), '{ "type": "commonjs" }\n');
await build({
  entryPoints: [join(ROOT, 'initramfs-hooks/bundle/entry.ts')],
  outfile: PROGRAM,
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
  external: ['./koffi.node'],
});
const platform = `${process.platform}_${process.arch}`;
copyFileSync(
  require.resolve(`@koromix/koffi-${platform.replace('_', '-')}/${platform}/koffi.node`),
  join(OUT, 'koffi.node'),
);
const launcher = join(OUT, 'mandos-client');
writeFileSync(launcher, LAUNCHER);
chmodSync(launcher, 0o755);
writeFileSync(join(OUT, 'mandos-client.cache'), await createCache());
