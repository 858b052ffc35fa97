import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AtTerminal, temporaryDirectory } from '../client-plugin/prompts/at-terminal.js';
import type { Cleanup } from '../client-plugin/prompts/at-terminal.js';
import { Child } from '../support/child.js';
import { mandosClientTree, requires } from '../support/requires.js';

/** plugin-runner of both projects, with the same plugins. */

const RUNNERS = {
  ours: [process.execPath, join(import.meta.dirname, '../../client-plugin/plugin-runner/plugin-runner.js')],
  theirs: [join(mandosClientTree() ?? '', 'usr/lib/x86_64-linux-gnu/mandos/plugin-runner')],
};
const NEEDS = requires('root', 'mandos-client');
const TERMINAL_NEEDS = requires('root', 'mandos-client', 'unshare', 'script');

interface Scene {
  /** Name to text of a shell script. */
  readonly plugins: Readonly<Record<string, string>>;
  readonly config?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Changes the directory of the plugins. */
  readonly prepare?: (directory: string) => void;
}

interface Place {
  readonly directory: string;
  readonly plugins: string;
  readonly args: readonly string[];
}

/** Plugins that note what happens to them in "$NOTES", which everybody may write to. */
function prepare(t: Cleanup, { plugins, config = '', args = [], prepare: change }: Scene): Place {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const place = join(directory, 'plugins.d');
  mkdirSync(place);
  for (const [name, script] of Object.entries(plugins))
    writeFileSync(join(place, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  change?.(place);
  writeFileSync(join(directory, 'config'), config);
  writeFileSync(join(directory, 'notes'), '');
  chmodSync(join(directory, 'notes'), 0o666);
  const always = [`--plugin-dir=${place}`, `--config-file=${join(directory, 'config')}`];
  return { directory, plugins: place, args: [...always, ...args] };
}

/** How it ends, and what the plugins have noted, in the order of the alphabet: they run at once. */
async function run(t: Cleanup, runner: readonly string[], scene: Scene) {
  const { directory, args } = prepare(t, scene);
  const notes = join(directory, 'notes');
  const [command = '', ...first] = runner;
  const child = new Child(command, [...first, ...args], {
    cwd: directory,
    input: scene.input ?? '',
    env: { ...scene.env, NOTES: notes },
  });
  t.after(() => child.kill());
  const exit = await child.waitForExit();
  const lines = readFileSync(notes, 'utf8').replaceAll(directory, 'HERE').split('\n').toSorted();
  return { ...exit, stdout: child.stdout, notes: lines };
}

const SUCCEED = 'printf password';
/** The winner ends the others: it waits until they have noted so many lines. */
const onceNoted = (lines: number) =>
  `until [ "$(grep -c . "$NOTES")" -ge ${lines} ]; do sleep 0.1; done; ${SUCCEED}`;
const ENVIRONMENT = 'env | grep -E "^(A|B|C|MANDOSPLUGIN.*)=" >> "$NOTES"';
/** A plugin that notes its end; the one that ends it waits until it is there. */
const HANGS =
  'trap \'echo "$NAME ended" >> "$NOTES"; exit 0\' TERM; : > "$NOTES.$NAME"; while :; do sleep 0.1; done';
const ONCE_ALL_HANG = 'until [ -e "$NOTES.x" ] && [ -e "$NOTES.y" ]; do sleep 0.1; done';
const OPEN = (directory: string) => chmodSync(join(directory, '..'), 0o777);

const SCENES: Readonly<Record<string, Scene>> = {
  'names of backups and hidden files, and what is no program': {
    plugins: Object.fromEntries(
      ['.x', '#x#', '#x', 'x~', 'x.dpkg-new', 'x.dpkg-old', 'x.dpkg-bak', 'x.dpkg-divert', 'x.dpkg-tmp'].map(
        name => [name, `echo '${name}' >> "$NOTES"; exit 1`],
      ),
    ),
    prepare(directory) {
      writeFileSync(join(directory, 'a'), '#!/bin/sh\necho a >> "$NOTES"\n', { mode: 0o644 });
      mkdirSync(join(directory, 'b'));
      symlinkSync('#x', join(directory, 'c'));
      symlinkSync('/nonexistent', join(directory, 'd'));
      writeFileSync(join(directory, 'z'), `#!/bin/sh\n${onceNoted(3)}`, { mode: 0o755 });
    },
  },
  'user, group, directory, standard input and a standard output that can be opened': {
    plugins: {
      x: 'id >> "$NOTES"; pwd >> "$NOTES"; printf "pass" > /dev/stdout; cat',
    },
    input: 'word',
  },
  'another user and group': {
    plugins: { x: `id >> "$NOTES"; ${SUCCEED}` },
    args: ['--userid=1234', '--groupid', '5678'],
  },
  options: {
    plugins: { x: `printf '<%s>' "$@" >> "$NOTES"; ${SUCCEED}`, y: `exit 1` },
    config: '--global-options=--c1,--c2 -o x:--c3 # --c4\n#--options-for=x:c5\n\t-o y:--c6 -o x:\n',
    args: ['-g', '--a1', '--options-for=x:--a2=b:c,d,,e'],
  },
  environment: {
    plugins: { x: `${ENVIRONMENT}; ${onceNoted(8)}`, y: `${ENVIRONMENT}; exit 1` },
    config: '-G A=config\n-E x:B=config --plugin-helper-dir=/config',
    args: ['-G', 'B=all', '--env-for=x:C=x=y', '-G', 'MANDOSPLUGINHELPERDIR=/all', '-G', 'A=last'],
    env: { A: 'inherited', B: 'inherited', C: 'inherited' },
  },
  'a directory of helpers': {
    plugins: { x: `${ENVIRONMENT}; ${onceNoted(2)}`, y: `${ENVIRONMENT}; exit 1` },
    args: ['--plugin-helper-dir=/helpers', '-E', 'y:MANDOSPLUGINHELPERDIR=/own'],
    env: { MANDOSPLUGINHELPERDIR: '/inherited' },
  },
  'plugins that are switched off and on': {
    plugins: { x: 'echo x >> "$NOTES"; exit 1', y: `echo y >> "$NOTES"; sleep 1; ${SUCCEED}`, z: 'echo z' },
    config: '--disable=x -d y --disable z',
    args: ['--enable', 'y', '-e', 'z', '-d', 'z'],
  },
  'output of plugins that fail': {
    plugins: { w: 'printf garbage; exit 1', x: 'printf garbage; kill -9 $$', y: `sleep 1; ${SUCCEED}` },
  },
  'plugins that are ended': {
    plugins: { w: `${ONCE_ALL_HANG}; ${SUCCEED}`, x: HANGS, y: HANGS },
    args: ['-E', 'x:NAME=x', '-E', 'y:NAME=y'],
    prepare: OPEN,
  },
  'an empty password, and lines': { plugins: { x: 'exit 0' } },
  'a password of several lines': { plugins: { x: 'echo pass; echo word' } },
  'a password that a process in the background prints': {
    plugins: { x: 'printf pass; { sleep 1; printf word; } & exit 0' },
  },
  'plugins that cannot be started': {
    plugins: { z: `sleep 1; ${SUCCEED}` },
    prepare(directory) {
      writeFileSync(join(directory, 'a'), '#!/nonexistent\n', { mode: 0o755 });
      writeFileSync(join(directory, 'b'), 'neither script nor program', { mode: 0o755 });
      writeFileSync(join(directory, 'c'), '', { mode: 0o755 });
      writeFileSync(join(directory, 'd'), `#!/bin/sh\necho d >> "$NOTES"`, { mode: 0o700 });
    },
  },
  'a number that is none in the configuration': {
    plugins: { x: `id >> "$NOTES"; ${SUCCEED}` },
    config: '--userid=x --groupid=1234',
  },
};

for (const [what, scene] of Object.entries(SCENES)) {
  test(`plugin-runner does as the original: ${what}`, NEEDS, async t => {
    const [ours, theirs] = [await run(t, RUNNERS.ours, scene), await run(t, RUNNERS.theirs, scene)];
    assert.deepEqual(ours, theirs);
    assert.equal(ours.code, 0);
  });
}

const FALLBACKS: Readonly<Record<string, { scene: Scene; status: number }>> = {
  'no plugin succeeds': { scene: { plugins: { x: 'exit 1' } }, status: 0 },
  'there are no plugins': { scene: { plugins: {} }, status: 0 },
  'an option is wrong': { scene: { plugins: { x: SUCCEED }, args: ['--nonsense'] }, status: 64 },
  'there is no directory': {
    scene: { plugins: {}, args: ['--plugin-dir=/nonexistent'] },
    status: 69,
  },
  'the directory is none': { scene: { plugins: {}, args: ['--plugin-dir=/dev/null'] }, status: 71 },
};

for (const [what, { scene, status }] of Object.entries(FALLBACKS)) {
  test(`plugin-runner asks on the console, as the original, when ${what}`, TERMINAL_NEEDS, async t => {
    for (const runner of Object.values(RUNNERS)) {
      const terminal = new AtTerminal(t, [...runner, ...prepare(t, scene).args]);
      await terminal.waitFor(/^Password: $/m);
      terminal.type('se\tcret\n');
      assert.equal(await terminal.status(), status);
      assert.equal(terminal.password(), 'se\tcret');
      assert.doesNotMatch(terminal.output, /cret/);
    }
  });
}
