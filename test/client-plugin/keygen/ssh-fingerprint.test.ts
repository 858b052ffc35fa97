import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatSecretSection } from '../../../client-plugin/keygen/secret-section.js';
import { Child } from '../../support/child.js';
import { MANDOS_KEYGEN } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { command, keygenSucceeds, temporaryDirectory, valueOf } from './keygen.js';

for (const [keyType, scanType] of [
  ['ecdsa', 'ecdsa-sha2-nistp256'],
  ['ed25519', 'ed25519'],
  ['rsa', 'rsa'],
] as const) {
  test(
    `the section's checker knows this machine by its ${keyType} host key`,
    requires('root', 'unshare', 'ip', 'sshd', 'ssh-keyscan'),
    async t => {
      const directory = temporaryDirectory(t);
      await keygenSucceeds('-d', directory);
      const hostKey = join(directory, 'host');
      command('ssh-keygen', ['-q', '-t', keyType, '-N', '', '-f', hostKey]);
      // Port 22 of a network of its own, and a /run for the directory that the server wants.
      const script = `
      ip link set lo up
      mount -t tmpfs none /run && mkdir /run/sshd
      "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /dev/null -h "$1" -o PidFile=none -o ListenAddress=127.0.0.1:22 &
      server=$!
      trap 'kill $server' EXIT
      read -r go
      printf x | "$2" "$3" -d "$4" -n localhost -F -`;
      const args = [
        '--net',
        '--mount',
        'sh',
        '-c',
        script,
        'sh',
        hostKey,
        process.execPath,
        MANDOS_KEYGEN,
        directory,
      ];
      const child = new Child('unshare', args, { keepInputOpen: true });
      t.after(() => child.kill());
      await child.waitForOutput(/Server listening/);
      child.stdin.end('go\n');
      assert.equal((await child.waitForExit()).code, 0, child.output);

      const [type, key] = command('cat', [`${hostKey}.pub`])
        .toString()
        .split(' ');
      assert.equal(valueOf(child.stdout, 'ssh_fingerprint'), `${type} ${key}`);
      const checker = valueOf(child.stdout, 'checker') ?? '';
      assert.ok(checker.startsWith(`ssh-keyscan -t ${scanType} %%(host)s `), checker);
    },
  );
}

test(
  'the checker, expanded as the server does, tells the key from another one',
  requires('root', 'unshare'),
  t => {
    const section = formatSecretSection({
      name: 'web1',
      keyId: '00',
      fingerprint: '00',
      secret: Buffer.from('x'),
      ssh: { keyType: 'ed25519', key: 'ssh-ed25519 AAAA' },
    });
    const expanded = (valueOf(section, 'checker') ?? '')
      .replaceAll('%(ssh_fingerprint)s', valueOf(section, 'ssh_fingerprint') ?? '')
      .replaceAll('%%(host)s', 'web1');
    const directory = temporaryDirectory(t);
    const status = (scanned: string) => {
      const scan = join(directory, 'ssh-keyscan');
      command('sh', [
        '-c',
        'printf "#!/bin/sh\\necho \\"%s\\"\\n" "$2" > "$1"; chmod +x "$1"',
        'sh',
        scan,
        scanned,
      ]);
      const script = `${expanded}; echo $?`;
      const env = { PATH: `${directory}:${process.env['PATH']}` };
      return command('sh', ['-c', script], { env }).toString();
    };
    assert.equal(status('web1 ssh-ed25519 AAAA'), '0\n');
    assert.equal(status('web1 ssh-ed25519 AAAAB'), '1\n');
    assert.equal(status('web2 ssh-ed25519 AAAA'), '1\n');
  },
);

test('no SSH server, no checker', requires('root', 'unshare', 'ip'), async t => {
  const directory = temporaryDirectory(t);
  await keygenSucceeds('-d', directory);
  const script = 'ip link set lo up; printf x | "$1" "$2" -d "$3" -F -';
  const args = ['--net', 'sh', '-c', script, 'sh', process.execPath, MANDOS_KEYGEN, directory];
  const child = new Child('unshare', args, {});
  assert.equal((await child.waitForExit()).code, 0, child.output);
  assert.match(child.stdout, /^secret =$/m);
  assert.doesNotMatch(child.stdout, /^(checker|ssh_fingerprint)/m);
});
