import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configDirectory, runNode, stateDirectory } from '../support/loopback.js';
import { createLan } from '../support/namespace.js';
import { spawnWithSyslog, startSyslog } from '../support/peers.js';
import { MANDOS } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { startReceiver } from './host/datagram-receiver.js';

const SECTION = `[a]\nkey_id = ${'ab'.repeat(32)}\nhost = h\nchecker = :\nsecret = YWJj\n`;

test(
  'the server goes to the background, leaves its PID, logs to syslog, reloads and stops',
  { ...requires('root', 'ip', 'python3'), timeout: 120_000 },
  async t => {
    const host = await (await createLan(t)).host('server');
    const syslog = await startSyslog(host);
    const config = join(host.runDirectory, 'etc');
    mkdirSync(config, { mode: 0o700 });
    writeFileSync(join(config, 'clients.conf'), SECTION, { mode: 0o600 });
    const options = ['--no-zeroconf', '--no-dbus', '--port=0', '--debuglevel=INFO'];
    // Relative: the server leaves the directory in which it was started.
    const places = ['--configdir=etc', '--statedir=state'];
    const starter = spawnWithSyslog(host, process.execPath, [MANDOS, ...options, ...places], {
      cwd: host.runDirectory,
    });
    assert.deepEqual(await starter.waitForExit(), { code: 0, signal: null }, starter.tail());
    assert.match(starter.stderr, /listening on/);

    const pidFile = join(host.runDirectory, 'mandos.pid');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    t.after(() => {
      if (existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(MANDOS))
        process.kill(pid, 'SIGKILL');
    });
    await syslog.waitForOutput(/^<30>.* mandos\[\d+\]: 1 client, port \d+$/m);
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t(?!0\t)/m);

    const second = spawnWithSyslog(host, process.execPath, [MANDOS, ...options, ...places], {
      cwd: host.runDirectory,
    });
    assert.equal((await second.waitForExit()).code, 1);
    assert.match(second.stderr, new RegExp(`another mandos runs already with process ID ${pid}`));

    writeFileSync(
      join(config, 'clients.conf'),
      SECTION + SECTION.replace('[a]', '[b]').replaceAll('ab', 'cd'),
    );
    process.kill(pid, 'SIGHUP');
    await syslog.waitForOutput(/mandos\[\d+\]: reload: 1 client added \(b\)/);
    process.kill(pid, 'SIGUSR1');
    await syslog.waitForOutput(/mandos\[\d+\]: 2 clients: 2 enabled, 0 disabled/);
    process.kill(pid, 'SIGTERM');
    await syslog.waitForOutput(/mandos\[\d+\]: stopping: SIGTERM/);
    // Another can start as soon as it has gone.
    while (existsSync(`/proc/${pid}`)) await new Promise(resolve => setTimeout(resolve, 20));
    assert.equal(existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '', '');
  },
);

test(
  'systemd hears that the server is ready, reloads, is ready again and stops',
  requires('python3'),
  async t => {
    const directory = configDirectory(t, { 'clients.conf': SECTION });
    const socket = join(stateDirectory(t), 'notify');
    const receiver = await startReceiver(t, socket);
    const child = runNode(
      t,
      MANDOS,
      [
        '--foreground',
        '--no-dbus',
        '--no-zeroconf',
        '--address=::1',
        '--port=0',
        `--configdir=${directory}`,
        `--statedir=${stateDirectory(t)}`,
      ],
      { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' } },
    );
    await receiver.waitFor(/^READY=1\nSTATUS=1 client, port \d+\n$/);
    await receiver.waitFor(/^WATCHDOG=1\n$/);
    child.signal('SIGHUP');
    await receiver.waitFor(/^RELOADING=1\nMONOTONIC_USEC=\d+\n$/);
    const isReady = (text: string) => text.startsWith('READY=1');
    while (receiver.received().filter(isReady).length < 2) {
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    child.signal('SIGTERM');
    await receiver.waitFor(/^STOPPING=1\n$/);
    assert.equal((await child.waitForExit()).code, 0);
  },
);
