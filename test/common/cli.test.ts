import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Program } from '../../common/cli.js';
import { lastValue, parseCommandLine, UsageError } from '../../common/cli.js';
import { VERSION } from '../../common/version.js';

const PROGRAM: Program = {
  name: 'prog',
  summary: 'Does things.',
  usage: ['[OPTION…]', '{--help | -?}'],
  options: [
    { name: 'interface', short: 'i', argument: 'NAME', help: 'Bind to this interface. '.repeat(9) },
    { name: 'a-rather-long-option-name', argument: 'VALUE', help: 'Its help starts on a line of its own.' },
    { name: 'debug', help: 'Say more.' },
    { name: 'debuglevel', argument: 'LEVEL', help: 'Say this much.' },
    { name: 'test', short: 't', argument: 'DEVICE', optionalArgument: true, help: 'Try it.' },
    { name: 'foreground', short: 'f', help: 'Stay.' },
    { name: 'help', short: '?', help: 'Help.' },
    { name: 'usage', help: 'Usage.' },
    { name: 'version', short: 'V', help: 'Version.' },
  ],
  notes: 'Notes come last.',
};

function values(...argv: string[]): Record<string, readonly string[]> {
  const result = parseCommandLine(PROGRAM, argv);
  assert.equal(result.kind, 'run');
  return Object.fromEntries(result.kind === 'run' ? result.values : []);
}

function printed(...argv: string[]): string {
  const result = parseCommandLine(PROGRAM, argv);
  assert.equal(result.kind, 'print');
  return result.kind === 'print' ? result.text : '';
}

function refusal(...argv: string[]): string {
  try {
    parseCommandLine(PROGRAM, argv);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    assert.equal(error.code, 'USAGE');
    return error.message;
  }
  return assert.fail(`${argv.join(' ')} was accepted`);
}

test('an argument is attached or the next word, for long and short options', () => {
  for (const argv of [['--interface=eth0'], ['--interface', 'eth0'], ['-ieth0'], ['-i', 'eth0']]) {
    assert.deepEqual(values(...argv), { interface: ['eth0'] }, argv.join(' '));
  }
});

test('an argument may be empty, look like an option, or have an equals sign', () => {
  assert.deepEqual(values('--interface='), { interface: [''] });
  assert.deepEqual(values('-i', ''), { interface: [''] });
  assert.deepEqual(values('-i', '--debug'), { interface: ['--debug'] });
  assert.deepEqual(values('-fi', '-x'), { foreground: [''], interface: ['-x'] });
  assert.deepEqual(values('--interface', '--'), { interface: ['--'] });
  assert.deepEqual(values('--interface=a=b\nc'), { interface: ['a=b\nc'] });
});

test('an option given several times keeps its values in order, and the last counts', () => {
  const result = parseCommandLine(PROGRAM, ['-i', 'a', '--interface=b', '--debug', '-ic']);
  assert.ok(result.kind === 'run');
  assert.deepEqual(result.values.get('interface'), ['a', 'b', 'c']);
  assert.equal(lastValue(result.values, 'interface'), 'c');
  assert.equal(lastValue(result.values, 'debug'), '');
  assert.equal(lastValue(result.values, 'foreground'), undefined);
});

test('a long option may be shortened as long as it means one option only', () => {
  assert.deepEqual(values('--int=eth0', '--fore'), { interface: ['eth0'], foreground: [''] });
  assert.deepEqual(values('--debugl', 'info'), { debuglevel: ['info'] });
  assert.equal(
    refusal('--deb'),
    "option '--deb' is ambiguous: it could be --debug, --debuglevel (see prog --help)",
  );
});

test('a whole name is not ambiguous, even if it starts another', () => {
  assert.deepEqual(values('--debug'), { debug: [''] });
});

test('short options may be joined, up to the first one with an argument', () => {
  assert.deepEqual(values('-ffieth0f'), { foreground: ['', ''], interface: ['eth0f'] });
  assert.deepEqual(values('-fi', 'eth0'), { foreground: [''], interface: ['eth0'] });
});

test('an optional argument counts only when it is attached', () => {
  assert.deepEqual(values('--test'), { test: [''] });
  assert.deepEqual(values('--test=sda'), { test: ['sda'] });
  assert.deepEqual(values('-t'), { test: [''] });
  assert.deepEqual(values('-ftsda'), { foreground: [''], test: ['sda'] });
});

test('an optional argument that is a word of its own is refused with how to attach it', () => {
  const refused = "unexpected argument '/dev/sda' (did you mean --test=/dev/sda?) (see prog --help)";
  assert.equal(refusal('--test', '/dev/sda'), refused);
  assert.equal(refusal('--te', '--debug', '--', '/dev/sda'), refused);
  assert.equal(refusal('--test=sdb', 'sda'), "unexpected argument 'sda' (see prog --help)");
});

test('an optional argument that is attached and empty is not one that is left out', () => {
  assert.equal(refusal('--test='), "option '--test=' has an empty argument: DEVICE (see prog --help)");
});

test('nothing but options is accepted, also behind --', () => {
  assert.deepEqual(values('--debug', '--'), { debug: [''] });
  assert.equal(refusal('--', '--debug'), "unexpected argument '--debug' (see prog --help)");
  assert.equal(refusal('word'), "unexpected argument 'word' (see prog --help)");
  assert.equal(refusal('-'), "unexpected argument '-' (see prog --help)");
});

test('what is wrong with an option is said with its name, and where to read on', () => {
  assert.equal(refusal('--nope=3'), "unknown option '--nope' (see prog --help)");
  assert.equal(refusal('-fz'), "unknown option '-z' (see prog --help)");
  assert.equal(refusal('--debug=3'), "option '--debug' does not take an argument (see prog --help)");
  assert.equal(refusal('--int'), "option '--int' needs an argument: NAME (see prog --help)");
  assert.equal(refusal('-fi'), "option '-i' needs an argument: NAME (see prog --help)");
});

test('a message stays one printable line, whatever was given', () => {
  assert.equal(refusal('--x\ny'), "unknown option '--x\\x0ay' (see prog --help)");
  assert.equal(refusal('-\x1b[31m'), "unknown option '-\\x1b' (see prog --help)");
});

test('--help is answered whatever comes behind it, but not what was wrong before', () => {
  assert.equal(printed('--help', '--nope'), printed('-?'));
  assert.match(refusal('--nope', '--help'), /--nope/);
});

test('--version tells the version and what it is compatible with', () => {
  assert.equal(printed('-V'), `prog ${VERSION} (mandos-ts, compatible with Mandos 1.8)\n`);
});

test('--usage is the first lines of --help', () => {
  const usage = printed('--usage');
  assert.equal(usage, 'Usage: prog [OPTION…]\n       prog {--help | -?}\n');
  assert.ok(printed('--help').startsWith(`${usage}\nDoes things.\n\nOptions:\n`));
});

test('the help lists every option in 80 columns, and ends with the notes', () => {
  const help = printed('--help');
  for (const line of help.split('\n')) assert.ok(line.length < 80, line);
  assert.match(help, /^ {2}-i, --interface=NAME +Bind to this interface\./m);
  assert.match(help, /^ {6}--a-rather-long-option-name=VALUE\n {32}Its help starts/m);
  assert.match(help, /^ {2}-t, --test\[=DEVICE\] +Try it\.$/m);
  assert.match(help, /^ {6}--debug +Say more\.$/m);
  assert.equal(help.match(/Bind to\s+this\s+interface\./g)?.length, 9);
  assert.ok(help.endsWith('\n\nNotes come last.\n'));
});
