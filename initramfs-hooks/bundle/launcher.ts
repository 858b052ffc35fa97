/**
 * What a CommonJS module is wrapped in (Node.js documentation, "The module wrapper"), with one more parameter; the
 * cache is for all of it.
 */
const [HEAD, TAIL] = ['(function (exports, require, module, __filename, __dirname, loadBundle) {', '\n})'];

/** First argument that makes the launcher write the caches instead of running a program. */
export const MAKE_CACHE = '--make-cache';

/**
 * The script that starts a bundle from its code cache where that fits the running node: V8 checks version and flags,
 * and else compiles as usual. The source is ASCII, which V8 takes as it is. Bundles load others by `loadBundle(name)`.
 * @param node for the first line
 * @param name of the script itself, for messages
 * @param bundle file name without ending: its .cjs and .cache lie beside the script
 */
export function launcherText(node: string, name: string, bundle: string): string {
  return `#!${node}
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const scripts = new Map();
const say = text => process.stderr.write('${name}: ' + text + '\\n');
const cacheOf = name => __dirname + '/' + name + '.cache';
const load = name => {
  const file = __dirname + '/' + name + '.cjs';
  let text;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw new Error('cannot read ' + file + ' (' + error.code + ')');
  }
  const source = ${JSON.stringify(HEAD)} + text + ${JSON.stringify(TAIL)};
  let cachedData;
  try {
    cachedData = readFileSync(cacheOf(name));
  } catch {}
  const script = new Script(source, { filename: file, cachedData });
  if (script.cachedDataRejected && process.argv.includes('--debug'))
    say(cacheOf(name) + ' is for another node than ' + process.version + ', so that this start takes longer');
  scripts.set(name, script);
  const bundle = { exports: {} };
  script.runInThisContext()(bundle.exports, require, bundle, file, __dirname, load);
  return bundle.exports;
};
const makeCaches = () => scripts.forEach((script, name) => writeFileSync(cacheOf(name), script.createCachedData()));
try {
  const [, calledAs, ...argv] = process.argv;
  const { main, warmUp } = load('${bundle}');
  if (argv[0] === '${MAKE_CACHE}') warmUp().then(makeCaches);
  else main(calledAs, argv);
} catch (error) {
  say('cannot start: ' + String(error.message).split('\\n', 1)[0]);
  process.exitCode = 1;
}
`;
}
