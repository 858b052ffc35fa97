import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MandosError } from '../../../common/errors.js';
import { readOriginalPickle } from '../../../server/import/original-pickle.js';
import { PICKLE_DEPTH_LIMIT, PICKLE_STEPS_LIMIT, readPickle } from '../../../server/import/pickle.js';
import { seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';
import { pythonPickle } from './samples.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** What keeps a pickle from being read. */
function fault(pickle: string | Uint8Array): string {
  try {
    readPickle(typeof pickle === 'string' ? latin1(pickle) : pickle);
  } catch (error) {
    assert.ok(error instanceof MandosError, String(error));
    assert.equal(error.code, 'IMPORT_PICKLE');
    return error.message;
  }
  assert.fail('it was read');
}

for (const protocol of [0, 1, 2, 3, 4, 5]) {
  test(`a state is read as Python writes it in protocol ${protocol}`, requires('python3'), () => {
    const value = readPickle(pythonPickle(protocol));
    assert.ok(Array.isArray(value));
    const [clients, configured] = value;
    assert.ok(clients instanceof Map && configured instanceof Map);
    const { c1, c2 } = Object.fromEntries(clients) as Record<string, unknown>;
    assert.ok(c1 instanceof Map && c2 instanceof Map);
    assert.equal(c1.get('host'), 'häst€');
    assert.deepEqual(
      Buffer.from(c1.get('encrypted_secret') as Uint8Array),
      Buffer.from([...Array(256).keys()]),
    );
    assert.deepEqual(c1.get('created'), { kind: 'time', epochMs: Date.UTC(2026, 10, 21, 10, 0, 1, 234) });
    assert.deepEqual(c1.get('approval_duration'), { kind: 'duration', durationMs: 86_401_001 });
    assert.deepEqual(c1.get('client_structure'), ['bus', 'name']);
    assert.equal(c1.get('checker_initiator_tag'), 70_000);
    assert.equal(c1.get('approved_by_default'), true);
    assert.equal(c2.get('enabled'), false);
    assert.equal(c2.get('expires'), null);
    assert.equal(c2.get('approved'), false);
    assert.equal(c2.get('last_checker_status'), -1);
    assert.deepEqual([...configured.keys()], ['c1', 'c2', 'c3']);
    const c3 = configured.get('c3');
    assert.ok(c3 instanceof Map && c3.get('secret') instanceof Uint8Array);
  });
}

test('numbers of all sizes and signs are read as Python writes them', requires('python3'), () => {
  const numbers = [0, 1, 255, 256, 65535, 65536, 2147483647, 2147483648, 140737488355327];
  const all = [...numbers, ...numbers.map(number => 0 - number)].filter(number => !Object.is(number, -0));
  for (const protocol of [2, 5]) {
    assert.deepEqual(readPickle(pythonPickle(protocol, `[${all.join(',')}]`)), all);
  }
});

test('a global that no state has is named, and never called', () => {
  assert.match(fault('cos\nsystem\n(Vtrue\ntR.'), /names os\.system, which no state of Mandos has in it/);
  assert.match(fault('\x80\x04\x8c\x08builtins\x8c\x04eval\x93.'), /names builtins\.eval/);
  assert.match(fault(`c${'a'.repeat(500)}\nb\n.`), /names a{80}…,/);
  assert.match(fault('cdatetime\n__proto__\n.'), /names datetime\.__proto__/);
});

test('what builds objects, or is called without being a global, is refused', () => {
  assert.match(fault('}(Va\nVb\ndb.'), /opcode 0x62/);
  assert.match(fault('(idatetime\ndatetime\n.'), /opcode 0x69/);
  assert.match(fault('Va\n)R.'), /makes a value of something unknown/);
  assert.match(fault('cdatetime\ntimedelta\nVa\nR.'), /makes a value of something unknown/);
});

test('globals take only what Python gives them', () => {
  assert.match(fault('cdatetime\ndatetime\n(C\x01at\x52.'), /date in a form/);
  assert.match(
    fault('cdatetime\ndatetime\n(C\x0a\x07\xea\x02\x1f\0\0\0\0\0\0tR.'),
    /date that does not exist/,
  );
  assert.match(
    fault('cdatetime\ndatetime\n(C\x0a\x07\xea\x01\x01\x18\0\0\0\0\0tR.'),
    /date that does not exist/,
  );
  assert.match(fault('cdatetime\ntimedelta\n(Va\ntR.'), /duration in a form/);
  assert.match(fault('c_codecs\nencode\n(Va\nVrot13\ntR.'), /bytes in a form/);
  assert.match(fault('c_codecs\nencode\n(V\\u0100\nVlatin1\ntR.'), /bytes in a form/);
  assert.match(fault('cdbus\nBoolean\n(Va\nt\x81.'), /truth value in a form/);
});

test('keys that are properties of objects elsewhere are keys', () => {
  const value = readPickle(latin1('}(V__proto__\n}(Vpolluted\nI01\nuVconstructor\nI1\nu.'));
  assert.ok(value instanceof Map);
  assert.deepEqual([...value.keys()], ['__proto__', 'constructor']);
  assert.equal('polluted' in {}, false);
});

test('a list that has itself in it is read', () => {
  const value = readPickle(latin1(']q\0h\0a.'));
  assert.ok(Array.isArray(value) && value[0] === value);
});

test('what claims to have more than it has is refused', () => {
  assert.match(fault(''), /ends in the middle/);
  assert.match(fault('}'), /ends in the middle/);
  assert.match(fault('X\xff\xff\xff\xffabc'), /ends in the middle/);
  assert.match(fault('Vabc'), /ends in the middle/);
  assert.match(fault('.'), /a value that it does not have/);
  assert.match(fault('a.'), /a value that it does not have/);
  assert.match(
    fault(']N(a.'),
    /a value that it does not have/,
    'what stands before a mark is no value of it',
  );
  assert.match(fault('N0.'), /opcode 0x30/);
  assert.match(fault('t.'), /has not begun/);
  assert.match(fault('h\x05.'), /has not remembered/);
  assert.match(fault('}(Va\nu.'), /a key without a value/);
  assert.match(fault('NNs.'), /a value that it does not have/);
  assert.match(fault('NNNs.'), /dictionary that is none/);
  assert.match(fault('NNa.'), /list that is none/);
  assert.match(fault('\x80\x06N.'), /protocol 6/);
  assert.match(fault('I1e5\n.'), /a number/);
  assert.match(fault(`I${'9'.repeat(100_000)}\n.`), /a number/);
  assert.match(fault(`\x8a\xff${'9'.repeat(255)}.`), /a number of 255 bytes/);
  assert.match(fault('X\x01\0\0\0\xff.'), /not UTF-8/);
  assert.match(fault('V\\Uffffffff\n.'), /not Unicode/);
});

test('depth, steps and copies are bounded', () => {
  assert.ok(readPickle(latin1(`${'('.repeat(PICKLE_DEPTH_LIMIT)}N.`)) === null);
  assert.match(fault(`${'('.repeat(PICKLE_DEPTH_LIMIT + 1)}N.`), /nested too deeply/);
  assert.match(fault('N'.repeat(PICKLE_STEPS_LIMIT + 1)), /more than \d+ steps/);
  const copy = 'c_codecs\nencode\nh\0h\x01\x86R';
  const text = `X\0\x04\0\0${'a'.repeat(1024)}q\0Vlatin1\nq\x01`;
  assert.ok(readPickle(latin1(`${text}${copy}.`)) instanceof Uint8Array);
  assert.match(fault(`${text}${copy.repeat(20)}.`), /more of its text than it has/);
});

test(
  'whatever is done to a state, it is read or refused, and changes nothing else',
  requires('python3'),
  () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const random = seededRandom(20261121);
    const below = (limit: number) => Math.floor(random() * limit);
    let refused = 0;
    const look = (bytes: Uint8Array) => {
      try {
        readOriginalPickle(bytes);
      } catch (error) {
        assert.ok(error instanceof MandosError, error instanceof Error ? error.stack : String(error));
        refused++;
      }
    };
    for (const protocol of [0, 2, 4]) {
      const state = pythonPickle(protocol);
      look(state);
      assert.equal(refused, 0);
      for (let length = 0; length < state.length; length++) look(state.subarray(0, length));
      assert.equal(refused, state.length, 'each part of a state is refused');
      for (let i = 0; i < 5000; i++) {
        const damaged = Buffer.from(state);
        for (let flips = 1 + below(4); flips > 0; flips--) {
          const at = below(damaged.length);
          damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << below(8)), at);
        }
        look(damaged);
      }
      refused = 0;
    }
    const opcodes = latin1(
      '\x80\x95(N\x88\x89IJKM\x8aVX\x8cBC]lae)t\x85\x86\x87}dsupqr\x94ghjc\x93R\x81.\n0a\0\x01',
    );
    for (let i = 0; i < 15_000; i++) {
      look(Uint8Array.from({ length: below(60) }, () => opcodes[below(opcodes.length)] ?? 0));
      look(Uint8Array.from({ length: below(60) }, () => below(256)));
    }
    assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before);
  },
);
