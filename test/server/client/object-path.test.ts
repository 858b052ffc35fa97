import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientObjectPath } from '../../../server/client/object-path.js';

test("a client's path is the original's", () => {
  assert.equal(clientObjectPath('web-1.example.org'), '/clients/web_1_example_org');
});

test('characters that no path can hold are written by their bytes', () => {
  assert.equal(clientObjectPath('büro 1/🖥'), '/clients/b_c3_bcro_201_2f_f0_9f_96_a5');
});
