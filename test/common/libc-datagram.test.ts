import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectDatagramSocket, sendDatagram } from '../../common/libc-datagram.js';
import { Child } from '../support/child.js';
import { requires } from '../support/requires.js';

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
sys.stdin.readline()
while True: print(len(s.recv(65536)), flush=True)
`;

test('a datagram socket connects, sends, and never waits', requires('python3'), async t => {
  const directory = mkdtempSync(join(tmpdir(), 'libc-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'socket');
  const receiver = new Child('python3', ['-c', RECEIVER, path], { keepInputOpen: true });
  t.after(() => receiver.stop('SIGKILL'));
  await receiver.waitForOutput(/listening/);
  const fd = connectDatagramSocket(path);
  t.after(() => closeSync(fd));
  // O_NONBLOCK and O_CLOEXEC of open(2), in octal.
  const [, flags = ''] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  assert.equal(Number.parseInt(flags, 8) & 0o2004000, 0o2004000);
  assert.equal(sendDatagram(fd, Buffer.from('four')), undefined);
  let error: string | undefined;
  while (error === undefined) error = sendDatagram(fd, Buffer.alloc(7));
  assert.equal(error, 'EAGAIN');
  receiver.stdin.write('\n');
  await receiver.waitForOutput(/^4\n7\n/m);
  await receiver.stop('SIGKILL');
  assert.equal(sendDatagram(fd, Buffer.alloc(1)), 'ECONNREFUSED');
});

test('where nobody receives, the error has its name', t => {
  const directory = mkdtempSync(join(tmpdir(), 'libc-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const connect = (path: string) => () => connectDatagramSocket(path);
  assert.throws(connect(join(directory, 'none')), {
    code: 'SYSTEM_CALL',
    message: 'connect: no such file or directory',
  });
  assert.throws(connect(file), { code: 'SYSTEM_CALL', message: 'connect: connection refused' });
  assert.throws(connect('\0mandos-test-nobody'), { message: 'connect: connection refused' });
  assert.throws(connect(`/${'x'.repeat(107)}`), { message: 'connect: name too long' });
  assert.throws(connect(`/${'x'.repeat(106)}`), { message: 'connect: no such file or directory' });
});
