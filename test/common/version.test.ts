import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { VERSION } from '../../common/version.js';

test("the programs' version is the package's, in package.json and the lock file", () => {
  for (const file of ['package.json', 'package-lock.json']) {
    const text = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    assert.equal((JSON.parse(text) as { version: string }).version, VERSION, file);
  }
});
