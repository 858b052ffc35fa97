import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { Child } from '../support/child.js';
import type { Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import { requires } from '../support/requires.js';
import type { Program } from './scene.js';
import { ask, assertUnlocks, connectTo, PASSWORD, serve } from './scene.js';

const NEEDS = requires('netns', 'mandos-client', 'gpg', 'sshd', 'ssh-keyscan');
/** Of the machine, where its checker looks for it. */
const ADDRESS = '192.0.2.2';
const PROGRAMS: readonly Program[] = ['ours', 'original'];

test(
  'with an ssh-keyscan checker, who asks while the machine is up is told from the machine that boots',
  NEEDS,
  async t => {
    const scene = await startScene(t);
    const { machine } = scene;

    const sshServer = await startSshServer(machine, scene.hostKey);
    for (const program of PROGRAMS) {
      await t.test(`machine up, deny: copied keys are refused (${program})`, async () => {
        const { thief, asking } = await scene.steal(program, 'denied');
        await scene.alarm('denied', thief);
        await scene.server.waitForOutput(
          new RegExp(`refused ${from(thief)}: client denied is up, as its checker says`),
        );
        await asking.stop();
      });

      await t.test(`machine up, warn: copied keys get the password, with an alarm (${program})`, async () => {
        const { thief, asking } = await scene.steal(program, 'warned');
        await assertUnlocks(asking);
        await scene.alarm('warned', thief);
      });
    }

    await sshServer.stop();
    for (const program of PROGRAMS) {
      await t.test(`machine down, deny: it asks itself and gets its password (${program})`, async () => {
        await assertUnlocks(ask(program, machine, scene.keys['denied'] ?? '', scene.connect));
      });
    }

    await startSshServer(machine, makeHostKey(scene.lan, 'other'));
    await t.test(
      'another machine at its address, deny: not the machine, so that the request goes on',
      async () => {
        const { asking } = await scene.steal('ours', 'denied');
        await assertUnlocks(asking);
      },
    );
  },
);

async function startScene(t: TestContext) {
  const lan = await createLan(t);
  const serverHost = await lan.host('server', { addresses: { 0: ['192.0.2.1/24'] } });
  const machine = await lan.host('machine', { addresses: { 0: [`${ADDRESS}/24`] } });
  const hostKey = makeHostKey(lan, 'machine');
  const denied = await makeKeys(lan.directory, 'denied', PASSWORD);
  const warned = await makeKeys(lan.directory, 'warned', PASSWORD);
  const keys: Readonly<Record<string, string>> = { denied: denied.keys, warned: warned.keys };
  const { child: server, port } = await serve(
    'ours',
    serverHost,
    `[DEFAULT]\ninterval = PT1H\ntimeout = PT2H\nrelease_check = deny\n
     ${section(denied.section, hostKey)}
     ${section(warned.section, hostKey)}release_check = warn\n`.replaceAll(/^ +(?=\[)/gm, ''),
    { args: ['--no-zeroconf', '--port=0'], avahi: false },
  );
  const connect = connectTo(serverHost, port);
  let thieves = 0;
  return {
    lan,
    machine,
    hostKey,
    server,
    keys,
    connect,
    /** Somebody asks elsewhere with a client's keys, from an address that has not asked yet. */
    async steal(program: Program, name: string): Promise<{ thief: Host; asking: Child }> {
      const thief = await lan.host(`thief${++thieves}`);
      return { thief, asking: ask(program, thief, keys[name] ?? '', connect) };
    },
    async alarm(name: string, thief: Host): Promise<void> {
      await server.waitForOutput(new RegExp(`${name}: ${from(thief)} asks with its key, but its checker`));
    },
  };
}

/** A host's address as the log has it, but for its port. */
function from(host: Host): string {
  return `\\[${host.interfaces[0]?.linkLocal}%eth0\\]:\\d+`;
}

function makeHostKey(lan: Lan, name: string): string {
  const file = join(lan.directory, `${name}-host-key`);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  return file;
}

/** A client's section with the checker that mandos-keygen prints, for the machine with this host key. */
function section(text: string, hostKey: string): string {
  const [type, key] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  return text
    .replace(/^host = .*$/m, `host = ${ADDRESS}`)
    .replace(
      /^checker = .*$/m,
      `checker = ssh-keyscan -t ed25519 %%(host)s 2>/dev/null | grep --fixed-strings --line-regexp --quiet --regexp=%%(host)s" %(ssh_fingerprint)s"\nssh_fingerprint = ${type} ${key}`,
    );
}

async function startSshServer(host: Host, hostKey: string): Promise<Child> {
  const options = `-D -e -f /dev/null -o PidFile=none -o ListenAddress=${ADDRESS}:22`;
  const script = `mkdir -p /run/sshd; exec "$(command -v sshd || echo /usr/sbin/sshd)" ${options} -h "$1"`;
  const child = host.spawn('sh', ['-c', script, 'sh', hostKey]);
  await child.waitForOutput(/Server listening/);
  return child;
}
