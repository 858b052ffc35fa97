import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serveText } from '../../../server/metrics/http.js';
import { runNode, scratchDirectory } from '../../support/loopback.js';

async function serve(t: TestContext, place: string, render = () => Promise.resolve('text\n')) {
  const server = await serveText(place, 'text/plain; version=0.0.4', render);
  t.after(() => server.close());
  return server;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(where: string, path = '/metrics', options: RequestOptions = {}): Promise<Answer> {
  const at = where.lastIndexOf(':');
  const place = where.startsWith('/')
    ? { socketPath: where }
    : { host: where.slice(0, at).replace(/[[\]]/g, ''), port: where.slice(at + 1) };
  return new Promise((resolve, reject) => {
    const asked = request({ ...place, path, agent: false, ...options }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Sends this; what comes back until the end. */
function talk(where: string, text: string): { socket: Socket; closed: Promise<string> } {
  const port = Number(where.slice(where.lastIndexOf(':') + 1));
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', chunk => (answer += chunk.toString()));
  socket.on('error', () => {});
  const closed = new Promise<string>(resolve => {
    socket.once('close', () => resolve(answer));
  });
  socket.write(text);
  return { socket, closed };
}

for (const place of ['127.0.0.1:0', '[::1]:0']) {
  test(`GET ${place}/metrics gives the text`, async t => {
    const { where } = await serve(t, place);
    assert.match(where, /:[1-9]\d*$/);
    for (const path of ['/metrics', '/metrics?x=y']) {
      const { status, headers, body } = await ask(where, path);
      assert.deepEqual([status, body], [200, 'text\n']);
      assert.equal(headers['content-type'], 'text/plain; version=0.0.4');
    }
    const head = await ask(where, '/metrics', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '5', '']);
  });
}

test('nothing else is served', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  for (const path of ['/', '/metrics/', '/metricsx', '/../etc/passwd', '//metrics'])
    assert.equal((await ask(where, path)).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await ask(where, '/metrics', { method });
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
  }
  const body = talk(where, `POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`);
  assert.match(await body.closed, /^HTTP\/1\.1 405 /);
});

test('requests that are too long, or no requests, are refused', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  const long = talk(where, `GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(await long.closed, /^HTTP\/1\.1 431 /);
  assert.match(await talk(where, 'garbage\r\n\r\n').closed, /^HTTP\/1\.1 400 /);
  assert.equal((await ask(where)).status, 200);
});

test('a connection that asks for nothing is closed', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  const silent = talk(where, '');
  const half = talk(where, 'GET /metrics HT');
  await Promise.all([silent.closed, half.closed]);
});

test('who asks again before the last answer is out is closed; after it, the connection goes on', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  const get = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n';
  const last = get.replace('Host', 'Connection: close\r\nHost');
  const answers = (text: string) => text.match(/text\n/g)?.length ?? 0;
  assert.equal(answers(await talk(where, get + get + last).closed), 0);
  const polite = talk(where, get);
  await once(polite.socket, 'data');
  polite.socket.write(last);
  assert.equal(answers(await polite.closed), 2);
});

test('more connections than a few are closed at once', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  const idle = Array.from({ length: 16 }, () => talk(where, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
  await Promise.all(idle.map(({ socket }) => new Promise(resolve => socket.once('data', resolve))));
  assert.equal(await talk(where, 'GET /metrics HTTP/1.1\r\n\r\n').closed, '');
  for (const { socket } of idle) socket.destroy();
  // As soon as the server has seen that they are gone.
  for (;;) {
    const answer = await ask(where).catch(() => undefined);
    if (answer?.status === 200) break;
    await pause(20);
  }
});

test('whoever asks all the time gets the same answer for a while', async t => {
  let rendered = 0;
  const { where } = await serve(t, '127.0.0.1:0', () => Promise.resolve(`${++rendered}`));
  const differs = async () => (await ask(where)).body !== (await ask(where)).body;
  while (await differs());
  while (!(await differs()));
});

test('an answer that cannot be made is an error of the server, and the next one is tried', async t => {
  let isBroken = true;
  const { where } = await serve(t, '127.0.0.1:0', () =>
    isBroken ? Promise.reject(new Error('broken')) : Promise.resolve('well'),
  );
  assert.equal((await ask(where)).status, 500);
  isBroken = false;
  while ((await ask(where)).status !== 200) await pause(20);
});

test('a port that is in use is said to be', async t => {
  const { where } = await serve(t, '127.0.0.1:0');
  await assert.rejects(
    serveText(where, 'text/plain', () => Promise.resolve('')),
    {
      code: 'METRICS',
      message: `${where}: metrics cannot be served there: address already in use`,
    },
  );
});

test('a directory that is missing is said to be', async t => {
  const directory = join(scratchDirectory(t), 'missing');
  const path = join(directory, 'metrics.sock');
  await assert.rejects(
    serveText(path, 'text/plain', () => Promise.resolve('')),
    { code: 'METRICS', message: `${path}: metrics cannot be served there: no such directory: ${directory}` },
  );
});

test('a socket is for its user and group, and goes with the server', async t => {
  const path = join(scratchDirectory(t), 'metrics.sock');
  const server = await serve(t, path);
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal((await ask(path)).body, 'text\n');
  await server.close();
  assert.ok(!existsSync(path));
});

test('a socket that a killed server has left is replaced', async t => {
  const path = join(scratchDirectory(t), 'metrics.sock');
  const script = join(scratchDirectory(t), 'listen.mjs');
  writeFileSync(
    script,
    `import { createServer } from 'node:net'; createServer().listen(process.argv[2], () => console.log('up'));`,
  );
  const child = runNode(t, script, [path]);
  await child.waitForOutput(/up/);
  child.signal('SIGKILL');
  await child.waitForExit();
  assert.ok(existsSync(path));
  await serve(t, path);
  assert.equal((await ask(path)).status, 200);
});

test('a socket that somebody listens on, and what is no socket, stay as they are', async t => {
  const directory = scratchDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  const path = join(directory, 'other.sock');
  const other = createServer();
  await new Promise<void>(resolve => other.listen(path, resolve));
  t.after(() => other.close());
  const tryAt = (place: string) => serveText(place, 'text/plain', () => Promise.resolve(''));
  await assert.rejects(tryAt(file), { code: 'METRICS', message: /something else than a socket$/ });
  await assert.rejects(tryAt(path), { code: 'METRICS', message: /another program listens there$/ });
  await assert.rejects(tryAt(join(directory, 'absent/x.sock')), { code: 'METRICS' });
  assert.equal(statSync(file).size, 8);
  await new Promise<void>(resolve => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve();
    });
  });
});
