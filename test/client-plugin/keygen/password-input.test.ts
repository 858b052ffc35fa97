import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decryptSecret, readSecretKey } from '../../../client-plugin/decrypt.js';
import { Child } from '../../support/child.js';
import { MANDOS_KEYGEN } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { keygenSucceeds, secretOf, temporaryDirectory } from './keygen.js';

interface Cleanup {
  after(hook: () => void): void;
}

const FIRST = /Password to encrypt with the key in .*: $/;
const BELL = new RegExp(String.fromCodePoint(7));
const AGAIN = /The same again: $/;

/** mandos-keygen --password on a terminal of its own, and what becomes of that. */
class Prompt {
  readonly #directory: string;
  readonly #terminal: Child;
  #seen = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    // The section goes to a file, so that the terminal shows only what a person sees.
    const shell = `
      stty sane; before=$(stty -g)
      sh -c 'echo pid=$$; exec "$0" "$1" --password --no-ssh -d "$2" > "$2/section"' "$NODE" "$KEYGEN" "$KEYS"
      status=$?
      [ "$(stty -g)" = "$before" ] && echo "terminal kept, status $status" || { stty -a; echo "terminal changed"; }`;
    this.#terminal = new Child('script', ['--quiet', '--echo=always', '--command', shell, '/dev/null'], {
      keepInputOpen: true,
      env: { NODE: process.execPath, KEYGEN: MANDOS_KEYGEN, KEYS: directory, SHELL: '/bin/sh', TERM: 'dumb' },
    });
  }

  static async open(t: Cleanup): Promise<Prompt> {
    const directory = temporaryDirectory(t);
    await keygenSucceeds('-d', directory);
    const prompt = new Prompt(directory);
    t.after(() => prompt.#terminal.kill());
    return prompt;
  }

  get output(): string {
    return this.#terminal.output;
  }

  /** Waits for a text behind the last one waited for. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await this.#terminal.waitForOutput(pattern, undefined, this.#seen);
    this.#seen = this.#terminal.output.length;
    return found;
  }

  type(text: string | Uint8Array): void {
    this.#terminal.stdin.write(text);
  }

  async answer(prompt: RegExp, text: string | Uint8Array): Promise<void> {
    await this.waitFor(prompt);
    this.type(text);
  }

  /** Sends a signal to mandos-keygen alone. */
  signal(signal: NodeJS.Signals): void {
    process.kill(Number(/pid=(\d+)/.exec(this.output)?.[1]), signal);
  }

  /** @returns the exit status as a shell sees it; the terminal must be as it was before */
  async status(): Promise<number> {
    const [, status] = await this.waitFor(/terminal (?:kept, status (\d+)|changed)/);
    assert.ok(status !== undefined, this.output);
    return Number(status);
  }

  /** What the kernel allows mandos-keygen. */
  limits(): string {
    return readFileSync(`/proc/${/pid=(\d+)/.exec(this.output)?.[1]}/limits`, 'utf8');
  }

  async password(): Promise<string> {
    const file = join(this.#directory, 'seckey.txt');
    const section = readFileSync(join(this.#directory, 'section'), 'utf8');
    const secret = await decryptSecret(secretOf(section), await readSecretKey(file, readFileSync(file)));
    return Buffer.from(secret).toString('latin1');
  }
}

const NEEDS = requires('script');

test('asks twice without showing the password, and strips white space', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, '  corr\tect horse \t\r');
  await prompt.answer(AGAIN, 'corr\tect horse\r');
  assert.equal(await prompt.status(), 0);
  assert.equal(await prompt.password(), 'corr\tect horse');
  assert.doesNotMatch(prompt.output, /horse/);
});

test('asks again when the two differ', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, 'one\r');
  await prompt.answer(AGAIN, 'two\r');
  await prompt.answer(/not the same[\s\S]*Password to encrypt with the key in .*: $/, 'three\r');
  await prompt.answer(AGAIN, 'three\r');
  assert.equal(await prompt.status(), 0);
  assert.equal(await prompt.password(), 'three');
});

test(
  'takes what is typed ahead, in any encoding; backspace erases a character, Ctrl-W a word, Ctrl-U all',
  NEEDS,
  async t => {
    const prompt = await Prompt.open(t);
    const typed = Buffer.concat([
      Buffer.from('mistake\x15two words \x17p\xc3\xa4ss\xc3\xb6\x7f\b', 'latin1'),
      Buffer.from([0xff]),
    ]);
    await prompt.answer(FIRST, Buffer.concat([typed, Buffer.from('\r'), typed, Buffer.from('\r')]));
    assert.equal(await prompt.status(), 0);
    assert.equal(await prompt.password(), 'two p\xc3\xa4s\xff');
  },
);

test('keys that are no characters are refused with a bell, and not part of the password', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.waitFor(FIRST);
  // Ctrl-Z, Ctrl-\, Escape, the arrow up, F1 and F5.
  for (const key of ['\x1a', '\x1c', '\x1b', '\x1b[A', '\x1bOP', '\x1b[15~']) {
    prompt.type(`x${key}`);
    await prompt.waitFor(BELL);
  }
  prompt.type('y\r');
  await prompt.answer(AGAIN, 'xxxxxxy\r');
  assert.equal(await prompt.status(), 0);
  assert.equal(await prompt.password(), 'xxxxxxy');
});

test('no core file can be written while it has a password', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.waitFor(FIRST);
  assert.match(prompt.limits(), /^Max core file size\s+1\s+1\s/m);
});

test('an empty password is refused', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, ' \r');
  await prompt.answer(AGAIN, '\r');
  assert.equal(await prompt.status(), 1);
  assert.match(prompt.output, /the password is empty/);
});

test('a password that is too long is refused, not cut off', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, `${'x'.repeat(4097)}\r`);
  assert.equal(await prompt.status(), 1);
  assert.match(prompt.output, /at most 4096 bytes.*--passfile/);
});

test('Ctrl-D instead of a password ends it', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, '\x04');
  assert.equal(await prompt.status(), 1);
  assert.match(prompt.output, /: \r+\n[^\r\n]*no password was entered/);
});

test('Ctrl-D instead of the second one ends it too, on a line of its own', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, 'one\r');
  await prompt.answer(AGAIN, '\x04');
  assert.equal(await prompt.status(), 1);
  assert.match(prompt.output, /again: \r+\n[^\r\n]*no password was entered/);
});

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} ends it and leaves the terminal as it was`, NEEDS, async t => {
    const prompt = await Prompt.open(t);
    await prompt.answer(FIRST, 'half a pass');
    prompt.signal(signal);
    assert.equal(await prompt.status(), status);
  });
}

test('Ctrl-C ends it as SIGINT does', NEEDS, async t => {
  const prompt = await Prompt.open(t);
  await prompt.answer(FIRST, 'one\r');
  await prompt.answer(AGAIN, 'tw\x03');
  assert.equal(await prompt.status(), 130);
});

test('without a terminal it points to --passfile', requires('unshare'), async t => {
  const directory = temporaryDirectory(t);
  await keygenSucceeds('-d', directory);
  // A process of its own session has no controlling terminal.
  const child = new Child('setsid', ['--wait', process.execPath, MANDOS_KEYGEN, '-p', '-d', directory], {
    input: 'secret\nsecret\n',
  });
  assert.equal((await child.waitForExit()).code, 1);
  assert.equal(child.stdout, '');
  assert.match(child.stderr, /no terminal .*--passfile=FILE.*--passfile=-/);
});
