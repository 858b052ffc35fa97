import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PROGRAM as CHECK } from '../client-plugin/check/options.js';
import { PROGRAM as KEYGEN } from '../client-plugin/keygen/options.js';
import { PROGRAM as CLIENT } from '../client-plugin/options.js';
import { PROGRAM as PLUGIN_RUNNER } from '../client-plugin/plugin-runner/options.js';
import { PROGRAM as ASKPASS_FIFO } from '../client-plugin/prompts/run-askpass-fifo.js';
import { PROGRAM as PASSWORD_PROMPT } from '../client-plugin/prompts/run-password-prompt.js';
import { PROGRAM as PLYMOUTH } from '../client-plugin/prompts/run-plymouth.js';
import { PROGRAM as AGENT } from '../client-plugin/password-agent/options.js';
import { PROGRAM as UNLOCK } from '../client-plugin/unlock/options.js';
import type { Option, Program } from '../common/cli.js';
import { PROGRAM as CTL } from '../monitor/ctl/command-line.js';
import { PROGRAM as MONITOR } from '../monitor/screen/command-line.js';
import { PROGRAM as SERVER } from '../server/command-line.js';
import { CHECKER_ATTRIBUTES } from '../server/client/checker-format.js';
import { CLIENT_DEFAULTS, CLIENT_OPTIONS } from '../server/config/client-options.js';
import { LIMIT_KEYS } from '../server/config/limits.js';
import { loadOptions } from '../server/options.js';
import { memoryFiles } from './server/config/memory-files.js';
import { requires } from './support/requires.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAN = 'packaging/man';
const PAGES = readdirSync(join(ROOT, MAN)).map(name => join(MAN, name));
const TEXTS = readdirSync(ROOT).filter(name => name.endsWith('.md'));

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const page = (name: string) => read(join(MAN, name));
const packageJson = () =>
  JSON.parse(read('package.json')) as {
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
    bin: Record<string, string>;
  };

/** roff as a reader sees it, with its lines as they are. */
function plain(roff: string): string {
  return roff
    .replace(/\\f./g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\:', '')
    .replaceAll('\\&', '')
    .replace(/^\.(?:B|I|BR|RB|BI|IB|IR|RI) /gm, '')
    .replace(/^\.(?:na|nh|hy|ad b)\n/gm, '')
    .replaceAll('"', '');
}

/** The entries of a page's section: what stands behind each .TP, and the text below it. */
function entries(roff: string, section: string): Map<string, string> {
  const text = roff.split(/^\.SH /m).find(part => part.split('\n', 1)[0]?.replaceAll('"', '') === section);
  assert.ok(text !== undefined, `section ${section}`);
  const list = text.split(/^\.S[HS] /m, 1)[0]?.split(/^\.TP\n/m) ?? [];
  return new Map(
    list.slice(1).map(entry => {
      const [title = '', ...body] = plain(entry).split('\n');
      return [title, body.join('\n')];
    }),
  );
}

/** An option as its page's entry begins: `-i, --interface=NAME`. */
function tag({ name, short, argument, optionalArgument }: Option): string {
  const value = argument === undefined ? '' : optionalArgument ? `[=${argument}]` : `=${argument}`;
  return `${short === undefined ? '' : `-${short}, `}--${name}${value}`;
}

const PROGRAMS: readonly (readonly [Program, string])[] = [
  [SERVER, 'mandos.8'],
  [CLIENT, 'mandos-client.8mandos'],
  [PLUGIN_RUNNER, 'plugin-runner.8mandos'],
  [PASSWORD_PROMPT, 'password-prompt.8mandos'],
  [ASKPASS_FIFO, 'askpass-fifo.8mandos'],
  [PLYMOUTH, 'plymouth.8mandos'],
  [KEYGEN, 'mandos-keygen.8'],
  [CTL, 'mandos-ctl.8'],
  [MONITOR, 'mandos-monitor.8'],
  [CHECK, 'mandos-initramfs.8'],
  [UNLOCK, 'mandos-to-cryptroot-unlock.8mandos'],
  [AGENT, 'password-agent.8mandos'],
];

for (const [program, name] of PROGRAMS) {
  test(`${name} has an entry for each option of ${program.name}, and for no other`, () => {
    const documented = [...entries(page(name), 'OPTIONS').keys()];
    assert.deepEqual(documented, program.options.map(tag));
  });

  test(`${name} gives the defaults that ${program.name} --help gives`, () => {
    const documented = entries(page(name), 'OPTIONS');
    for (const option of program.options) {
      const [, value] = /Default: ([^\s;,]+)(?:$|[;,])/.exec(option.help) ?? [];
      if (value === undefined || value === 'all' || value === 'none') continue;
      const text = documented.get(tag(option))?.replace(/\s+/g, ' ') ?? '';
      assert.ok(text.includes(`The default is ${value}`), `--${option.name}: ${value}`);
    }
  });
}

test('mandos-clients.conf.5 has an entry for each option that is read, with its default', () => {
  const documented = entries(page('mandos-clients.conf.5'), 'OPTIONS');
  const byKey = new Map([...documented].map(([title, text]) => [title.split(' = ', 1)[0], text]));
  assert.deepEqual(new Set(byKey.keys()), CLIENT_OPTIONS);
  for (const [key, value] of CLIENT_DEFAULTS) {
    const text = byKey.get(key) ?? '';
    assert.ok(
      text.includes(
        value === ''
          ? 'The default is empty'
          : `The default is
${value}`,
      ),
      `${key}: ${value}`,
    );
  }
});

test('mandos-clients.conf.5 names the attributes that a checker can have', () => {
  const [, section = ''] = page('mandos-clients.conf.5').split('.SS "RUNTIME EXPANSION"');
  const [list = ''] = (section.split('The attributes are:')[1] ?? '').split('.hy');
  assert.deepEqual(new Set(plain(list).match(/\b[a-z]\w+/g)), new Set([...CHECKER_ATTRIBUTES, 'and']));
});

test('mandos.conf.5 has an entry for each option that is read, and for no other', () => {
  const documented = [...entries(page('mandos.conf.5'), 'OPTIONS').keys()].map(
    title => title.split(' = ')[0] ?? '',
  );
  // What is read cannot be asked for, so that the table is looked up in the source.
  const table = /^const SETTINGS = \{\n([^]*?)^\}/m.exec(read('server/options.ts'))?.[1] ?? '';
  const known = [...table.matchAll(/^ {2}(\w+):/gm)].map(([, key = '']) => key);
  assert.deepEqual(new Set(documented), new Set([...known, ...Object.values(LIMIT_KEYS)]));
  const unknown = (keys: readonly string[]) => {
    const text = `[DEFAULT]\n${keys.map(key => `${key} = 1\n`).join('')}`;
    const { faults } = loadOptions(new Map([['configdir', ['/x']]]), memoryFiles({ '/x/mandos.conf': text }));
    return faults.filter(({ message }) => message.startsWith('is not an option')).map(({ key }) => key);
  };
  assert.deepEqual(unknown([...documented, 'no_such_option']), ['no_such_option']);
});

/** What every page has. */
const SECTIONS = [
  'NAME',
  'SYNOPSIS',
  'DESCRIPTION',
  'OPTIONS',
  'FILES',
  'EXAMPLES',
  'SECURITY',
  'BUGS',
  'SEE ALSO',
];

test('manual pages are laid out without a warning', requires('man'), () => {
  for (const file of PAGES) {
    for (const MANWIDTH of ['80', '90', '100', '120']) {
      const { status, stdout, stderr } = spawnSync(
        'man',
        ['--warnings=w', '--local-file', join(ROOT, file)],
        {
          encoding: 'utf8',
          env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH, MANPAGER: 'cat' },
        },
      );
      assert.equal(stderr, '', file);
      assert.equal(status, 0, file);
      for (const heading of SECTIONS) assert.match(stdout, new RegExp(`^${heading}$`, 'm'), file);
    }
  }
});

test('there is a manual page for each program, and each page refers only to pages that exist', () => {
  const names = PAGES.map(file => file.slice(MAN.length + 1));
  for (const program of Object.keys(packageJson().bin)) {
    assert.ok(
      names.some(name => name.startsWith(`${program}.8`)),
      program,
    );
  }
  for (const file of PAGES) {
    for (const [, name = '', section = ''] of plain(read(file)).matchAll(/\b(mandos[\w.-]*) \((\w+)\)/g))
      assert.ok(names.includes(`${name}.${section}`), `${file}: ${name}(${section})`);
  }
});

/** The rows of a Markdown document's tables, as cells without their quotes. */
function tableRows(markdown: string): string[][] {
  const rows = markdown.split('\n').filter(line => line.startsWith('|'));
  return rows.map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim().replaceAll('`', '')),
  );
}

test('ARCHITECTURE.md says of each runtime dependency why it is there, and of no other', () => {
  const [, section = ''] = read('ARCHITECTURE.md').split(/^## Runtime dependencies$/m);
  const rows = tableRows(section.split(/^## /m, 1)[0] ?? '').slice(2);
  assert.deepEqual(new Set(rows.map(([name]) => name)), new Set(Object.keys(packageJson().dependencies)));
  for (const [name = '', , where = ''] of rows) {
    for (const place of where.split(', ')) {
      const files = place.endsWith('/')
        ? readdirSync(join(ROOT, place)).map(file => join(place, file))
        : [place];
      const imports = new RegExp(`(from|import\\() ?'${name}['/]`);
      assert.ok(
        files.some(file => file.endsWith('.ts') && imports.test(read(file))),
        `${name} in ${place}`,
      );
    }
  }
});

test('ARCHITECTURE.md gives each limit the value that it has', () => {
  const [, section = ''] = read('ARCHITECTURE.md').split(/^## Limits$/m);
  const rows = tableRows(section.split(/^## /m, 1)[0] ?? '').slice(2);
  assert.ok(rows.length > 0);
  for (const [name = '', file = '', value = ''] of rows) {
    const [, actual] = new RegExp(`\\b${name}(?: =|:) ([^a-z;,][^;,\\n]*)[;,]\\n`).exec(read(file)) ?? [];
    assert.equal(value, actual, `${name} in ${file}`);
  }
});

test('ARCHITECTURE.md describes folders that exist', () => {
  const rows = tableRows(read('ARCHITECTURE.md')).filter(([name = '']) => /^[\w/-]+\/$/.test(name));
  assert.ok(rows.length > 0);
  for (const [name = ''] of rows) assert.ok(existsSync(join(ROOT, name)), name);
});

for (const name of TEXTS) {
  test(`${name}: commands and links lead somewhere`, () => {
    const text = read(name);
    const { scripts, bin } = packageJson();
    for (const [, script = ''] of text.matchAll(/\bnpm run ([\w-]+)/g))
      assert.ok(scripts[script], `npm run ${script}`);
    if (/\bnpm test\b/.test(text)) assert.ok(scripts['test']);
    for (const [, program = ''] of text.matchAll(/\bnpx ([\w-]+)/g))
      assert.ok(bin[program], `npx ${program}`);
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!target.startsWith('https://')) assert.ok(existsSync(join(ROOT, dirname(name), target)), target);
    }
    for (const [, path = ''] of text.matchAll(
      /`((?:common|server|client-plugin|test|demo|packaging|initramfs-hooks)\/[\w./-]+)`/g,
    ))
      assert.ok(existsSync(join(ROOT, path)), path);
  });
}

test('no document names a package registry, or a path that only one machine has', () => {
  const registry = /\b(registry\.\w+\.\w|npmjs\.|yarnpkg\.|jsr\.io|pkg\.github)/i;
  const machine = /(?<![\w.])\/(home|work|builds|mnt|srv|Users)\//;
  for (const file of [...TEXTS, ...PAGES]) {
    for (const pattern of [registry, machine]) assert.equal(pattern.exec(read(file))?.[0], undefined, file);
  }
});
