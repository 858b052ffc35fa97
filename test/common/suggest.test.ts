import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closestWord } from '../../common/suggest.js';

const WORDS = ['timeout', 'interval', 'host', 'port', 'extended_timeout'];

test('a word with a letter wrong, missing, added or swapped is recognised', () => {
  for (const word of ['timeoat', 'timout', 'timeoutt', 'tiemout']) {
    assert.equal(closestWord(word, WORDS), 'timeout', word);
  }
  assert.equal(closestWord('prot', WORDS), 'port');
});

test('nothing is suggested for what is like nothing', () => {
  assert.equal(closestWord('banana', WORDS), undefined);
  assert.equal(closestWord('', WORDS), undefined);
  assert.equal(closestWord('x'.repeat(10_000), WORDS), undefined);
});

test('of several the nearest is suggested, and of equally near ones the first', () => {
  assert.equal(closestWord('hort', ['host', 'hart']), 'host');
  assert.equal(
    closestWord('extended-timeout', ['timeout', 'extended_timeouts', 'extended_timeout']),
    'extended_timeout',
  );
});
