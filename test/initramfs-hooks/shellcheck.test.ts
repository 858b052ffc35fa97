import { strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.js';
import { HOOKS } from './boot-scene.js';

/** All shell of both image makers: what begins with a #! line or says which shell it is for. */
function shellFiles(): string[] {
  return ['initramfs-tools', 'dracut']
    .flatMap(folder => readdirSync(join(HOOKS, folder), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => /^#!.*sh$|^# shellcheck shell=/m.test(readFileSync(file, 'utf8')));
}

test(
  'the scripts in the image and those that make it are shell that shellcheck accepts',
  requires('shellcheck'),
  () => {
    const files = shellFiles();
    strictEqual(files.length, 7);
    // What they source is initramfs-tools' own.
    const { status, stdout } = spawnSync('shellcheck', ['--exclude=SC1091', ...files], { encoding: 'utf8' });
    strictEqual(status, 0, stdout);
  },
);
