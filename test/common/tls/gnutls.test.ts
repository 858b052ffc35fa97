import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLIENT_PRIORITY } from '../../../common/protocol.js';
import { keyId } from '../../../common/tls/raw-public-key.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { createPublicKey } from 'node:crypto';
import { Child } from '../../support/child.js';
import type { TlsKeyType } from '../../support/keys.js';
import { makeTlsKey } from '../../support/keys.js';
import { configDirectory, runNode, scratchDirectory, stateDirectory } from '../../support/loopback.js';
import { MANDOS } from '../../support/programs.js';
import { requires } from '../../support/requires.js';

const CLIENTS_CONF = `[c]\nkey_id = ${'ab'.repeat(32)}\nsecret = c2VjcmV0\nchecker = :\n`;

test('a GnuTLS that is too old is one line that names the package', requires('gcc'), async t => {
  const directory = scratchDirectory(t);
  const source = join(directory, 'old.c');
  writeFileSync(
    source,
    '#include <stddef.h>\nconst char *gnutls_check_version(const char *v) { return v ? NULL : "3.5.0"; }\n',
  );
  execFileSync('gcc', ['-shared', '-fPIC', '-o', join(directory, 'libgnutls.so.30'), source]);
  const args = [
    '--foreground',
    '--no-zeroconf',
    '--port=0',
    `--configdir=${configDirectory(t, { 'clients.conf': CLIENTS_CONF })}`,
    `--statedir=${stateDirectory(t)}`,
  ];
  const child = runNode(t, MANDOS, args, { env: { LD_LIBRARY_PATH: directory } });
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(
    child.stderr,
    /GnuTLS 3\.5\.0 cannot do raw public keys: install the package libgnutls30 \(version 3\.6\.6 or later\)\n$/,
  );
  assert.doesNotMatch(child.stderr, /^\s+at /m);
});

test('a GnuTLS that is missing is one line that names the package', requires('root', 'unshare'), async t => {
  const library = execFileSync(
    'sh',
    ['-c', "PATH=$PATH:/sbin ldconfig -p | sed -n 's/.*libgnutls.so.30.*=> //p' | head -n 1"],
    { encoding: 'utf8' },
  ).trim();
  const configuration = configDirectory(t, { 'clients.conf': CLIENTS_CONF });
  const command = [
    process.execPath,
    MANDOS,
    '--foreground',
    '--no-zeroconf',
    '--port=0',
    `--configdir=${configuration}`,
    `--statedir=${stateDirectory(t)}`,
  ];
  const hide = 'mount --bind /dev/null "$1" && shift && exec "$@"';
  const child = new Child('unshare', ['--mount', 'sh', '-c', hide, 'sh', library, ...command], {});
  t.after(() => child.stop());
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(
    child.stderr,
    /cannot load libgnutls\.so\.30 \(.*\): install the package libgnutls30 \(version 3\.6\.6 or later\)\n$/,
  );
});

test('a priority string that makes no sense is quoted in the error', () => {
  assert.throws(() => new TlsContext('NORMAL:+BOGUS'), {
    code: 'PRIORITY_STRING',
    message: /"NORMAL:\+BOGUS"/,
  });
});

test('a key pair that GnuTLS cannot read is an error', () => {
  const { publicKey, privateKey } = makeTlsKey();
  const garbage = Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  assert.throws(() => new TlsContext(CLIENT_PRIORITY, { publicKey, privateKey: garbage }), {
    code: 'TLS_KEY',
  });
  assert.throws(() => new TlsContext(CLIENT_PRIORITY, { publicKey: garbage, privateKey }), {
    code: 'TLS_KEY',
  });
});

for (const type of ['ed25519', 'ed448', 'ecdsa', 'rsa'] satisfies TlsKeyType[]) {
  test(`the key ID of an ${type} key is the one that certtool prints`, requires('certtool'), t => {
    const { publicKey } = makeTlsKey(type);
    const file = join(scratchDirectory(t), 'key.pem');
    writeFileSync(file, publicKey);
    const theirs = execFileSync('certtool', ['--key-id', '--hash=sha256', `--infile=${file}`], {
      encoding: 'utf8',
    });
    assert.equal(keyId(createPublicKey(publicKey).export({ type: 'spki', format: 'der' })), theirs.trim());
  });
}
