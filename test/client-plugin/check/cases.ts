import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Finding, Level } from '../../../client-plugin/check/finding.js';
import { requires } from '../../support/requires.js';
import { keygenSucceeds, temporaryDirectory } from '../keygen/keygen.js';
import { findings, makeScene, pack, put, RELEASE } from './scene.js';
import type { Scene } from './scene.js';

export const UPDATE = `run "update-initramfs -u -k ${RELEASE}"`;
export const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
export const MODULES = `usr/lib/modules/${RELEASE}/kernel`;

/** A directory of new keys, for all tests of a file. */
export async function makeKeys(): Promise<string> {
  const directory = temporaryDirectory({ after });
  await keygenSucceeds('-d', directory, '-x', '2030-01-01');
  return directory;
}

export const problems = (all: readonly Finding[]) => all.filter(({ level }) => level !== 'ok');

/** One thing that is wrong, and what is said of it. */
export interface Case {
  readonly name: string;
  /** Changes the system or what goes into the image. */
  readonly change: (scene: Scene) => void;
  /** Changes the image's file. */
  readonly changeImage?: (scene: Scene) => void;
  readonly check: string;
  readonly level: Level;
  readonly says: string | RegExp;
}

export const remove = (path: string) => (scene: Scene) => rmSync(join(scene.tree, path));
export const putInTree = (path: string, content: string | Buffer, mode?: number) => (scene: Scene) =>
  put(scene.tree, path, content, mode);
export const putOnHost = (path: string, content: string | Buffer, mode?: number) => (scene: Scene) =>
  put(scene.host, path, content, mode);
export const nothing = () => {};

/** Another configuration, on the system and in the image. */
export function configured(text: string) {
  return ({ host, tree }: Scene) => {
    put(host, 'etc/mandos/plugin-runner.conf', text);
    put(tree, 'conf/conf.d/mandos/plugin-runner.conf', text);
  };
}

/** A test for each. */
export function testCases(keys: string, cases: readonly Case[]): void {
  for (const { name, change, changeImage, check, level, says } of cases) {
    test(`it says of ${name}, and nothing else`, requires('cpio'), async t => {
      const scene = makeScene(t, keys);
      change(scene);
      pack(scene);
      changeImage?.(scene);
      const found = problems(await findings(scene));
      assert.deepEqual(
        found.map(finding => [finding.check, finding.level]),
        [[check, level]],
        JSON.stringify(found, null, 2),
      );
      const message = found[0]?.message ?? '';
      if (typeof says === 'string') assert.equal(message, says);
      else assert.match(message, says);
    });
  }
}
