import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ignoredOptions } from '../../../client-plugin/keygen/modes.js';
import { keygenRequest, PROGRAM } from '../../../client-plugin/keygen/options.js';
import type { GenerateRequest, Request } from '../../../client-plugin/keygen/options.js';
import { parseCommandLine } from '../../../common/cli.js';

function request(...argv: string[]): Request {
  const commandLine = parseCommandLine(PROGRAM, argv);
  assert.equal(commandLine.kind, 'run');
  return keygenRequest(commandLine.values);
}

function generation(...argv: string[]): GenerateRequest {
  const result = request(...argv);
  assert.equal(result.kind, 'generate');
  return result;
}

test('without options a Curve25519 and an Ed25519 key are made in /etc/keys/mandos', () => {
  assert.deepEqual(request(), {
    kind: 'generate',
    directory: '/etc/keys/mandos',
    name: undefined,
    email: undefined,
    comment: undefined,
    expiration: { kind: 'never' },
    primary: { type: 'curve25519' },
    subkey: { type: 'curve25519' },
    tlsKeyType: 'ed25519',
    force: false,
  });
});

test('types and lengths of the original are taken', () => {
  const argv = ['--type', 'RSA', '--length', '4096', '--subtype', 'RSA', '--sublength', '2048'];
  assert.deepEqual(generation(...argv).primary, { type: 'rsa', bits: 4096 });
  assert.deepEqual(generation(...argv).subkey, { type: 'rsa', bits: 2048 });
  assert.deepEqual(generation('-t', 'rsa').subkey, { type: 'rsa', bits: 4096 });
  assert.deepEqual(generation('-t', 'RSA', '-s', 'ECDH').subkey, { type: 'curve25519' });
});

test('a length alone means RSA, as it does for the original', () => {
  assert.deepEqual(generation('-l', '3072').primary, { type: 'rsa', bits: 3072 });
  assert.deepEqual(generation('-L', '3072').primary, { type: 'rsa', bits: 4096 });
  assert.deepEqual(generation('-L', '3072').subkey, { type: 'rsa', bits: 3072 });
});

test('what cannot be made is refused with what can', () => {
  assert.throws(() => request('-t', 'DSA'), /--type: "DSA".*Curve25519 and RSA/);
  assert.throws(() => request('-s', 'ELG-E'), /--subtype: "ELG-E".*Curve25519 and RSA/);
  assert.throws(() => request('-l', '1024'), /--length:.*2048 or more/);
  assert.throws(() => request('-L', '512'), /--sublength:.*2048 or more/);
  for (const length of ['2049', '32768', 'x', '-1', '']) {
    assert.throws(() => request('-l', length), /--length: ".*" is not/);
  }
  assert.throws(() => request('-t', 'Curve25519', '-l', '4096'), /--length:.*add --type=RSA/);
  assert.throws(() => request('-T', 'x448'), /--tls-keytype: "x448".*ed25519/);
});

test("TLS key types have certtool's names", () => {
  for (const type of ['ed25519', 'ed448', 'ecdsa', 'rsa']) {
    assert.equal(generation('-T', type).tlsKeyType, type);
    assert.equal(generation('-T', type.toUpperCase()).tlsKeyType, type);
  }
  assert.equal(generation('--tls-keytype=ecc').tlsKeyType, 'ecdsa');
});

test('a name that would break clients.conf is refused', () => {
  assert.equal(generation('-n', 'web1.example.org').name, 'web1.example.org');
  assert.equal(generation('-n', ' Kök 2 ').name, 'Kök 2');
  assert.equal(generation('-n', 'default').name, 'default');
  assert.throws(() => request('-p', '-n', ' DEFAULT '), /--name: " DEFAULT " .*every client; use another/);
  for (const name of ['', ' ', 'a]', '[a', '100%', 'a\nhost = b', 'a\x1b']) {
    assert.throws(() => request('-n', name), /--name/, JSON.stringify(name));
  }
});

test('a password from a file goes before one from the terminal', () => {
  const expected = { kind: 'secret', directory: '/etc/keys/mandos', name: undefined, ssh: true };
  assert.deepEqual(request('-p'), { ...expected, passfile: undefined });
  assert.deepEqual(request('-p', '-F', '-', '-S'), { ...expected, passfile: '-', ssh: false });
});

test('--test has an optional device and passes on where to look', () => {
  const expected = { kind: 'test', directory: '/k', device: undefined, connect: [], interfaces: [] };
  assert.deepEqual(request('--test', '-d', '/k'), expected);
  assert.deepEqual(
    request('--test=/dev/sda2', '-d', '/k', '--connect=[::1]:5', '--interface=eth0', '--interface=eth1'),
    { ...expected, device: '/dev/sda2', connect: ['[::1]:5'], interfaces: ['eth0', 'eth1'] },
  );
});

test('two things at once, and where to look for nothing, are refused', () => {
  assert.throws(() => request('--test', '-p'), { code: 'USAGE', message: /--test and --password/ });
  assert.throws(() => request('-F', '-', '--test=/dev/sda2'), {
    code: 'USAGE',
    message: /--test and --passfile/,
  });
  assert.throws(() => request('--connect=[::1]:5'), { code: 'USAGE', message: /--connect .*add --test/ });
  assert.throws(() => request('-p', '--interface=eth0'), {
    code: 'USAGE',
    message: /--interface .*add --test/,
  });
  assert.throws(() => request('--test='), { code: 'USAGE', message: /'--test=' has an empty argument/ });
});

test('each option belongs to at least one of the things that can be done, and is ignored by the others', () => {
  const all = PROGRAM.options.map(({ name }) => name).filter(name => name !== 'help' && name !== 'version');
  const values = new Map(all.map(name => [name, ['']]));
  const used = (mode: 'generate' | 'secret' | 'test') => {
    const ignored = ignoredOptions(values, mode);
    return all.filter(name => !ignored.includes(name));
  };
  assert.deepEqual(new Set([...used('generate'), ...used('secret'), ...used('test')]), new Set(all));
  assert.deepEqual(used('secret'), ['dir', 'name', 'password', 'passfile', 'no-ssh']);
  assert.deepEqual(used('test'), ['dir', 'test', 'connect', 'interface']);
  assert.deepEqual(request('-F', '-', '--type=DSA', '--force'), {
    kind: 'secret',
    directory: '/etc/keys/mandos',
    name: undefined,
    passfile: '-',
    ssh: true,
  });
});
