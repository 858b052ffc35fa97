/** What a CommonJS module is wrapped in (Node.js documentation, "The module wrapper"); the cache is for all of it. */
const [HEAD, TAIL] = ['(function (exports, require, module, __filename, __dirname) {', '\n})'];

/** First argument that makes the launcher write the cache instead of running a program. */
export const MAKE_CACHE = '--make-cache';

/**
 * The script that starts a bundle from its code cache where that fits the running node: V8 checks version and flags,
 * and else compiles as usual. The source is ASCII, which V8 takes as it is.
 * @param node for the first line
 * @param name of the script itself, for messages
 * @param bundle file name without ending: its .cjs and .cache lie beside the script
 */
export function launcherText(node: string, name: string, bundle: string): string {
  return `#!${node}
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const say = text => process.stderr.write('${name}: ' + text + '\\n');
const file = __dirname + '/${bundle}.cjs';
const cacheFile = __dirname + '/${bundle}.cache';
let cachedData;
try {
  cachedData = readFileSync(cacheFile);
} catch {}
try {
  const source = ${JSON.stringify(HEAD)} + readFileSync(file, 'latin1') + ${JSON.stringify(TAIL)};
  const script = new Script(source, { filename: file, cachedData });
  if (script.cachedDataRejected && process.argv.includes('--debug'))
    say(cacheFile + ' is for another node than ' + process.version + ', so that this start takes longer');
  const bundle = { exports: {} };
  script.runInThisContext()(bundle.exports, require, bundle, file, __dirname);
  const [, calledAs, ...argv] = process.argv;
  if (argv[0] === '${MAKE_CACHE}')
    bundle.exports.warmUp().then(() => writeFileSync(cacheFile, script.createCachedData()));
  else bundle.exports.main(calledAs, argv);
} catch (error) {
  say('cannot start: ' + String(error.message).split('\\n', 1)[0]);
  process.exitCode = 1;
}
`;
}
