import type { Difference } from './difference.js';
import { accepted, refused } from './difference.js';

/** A clients.conf, and where this server means to differ from the original about it. */
export interface ClientsCase {
  readonly name: string;
  readonly text: string;
  readonly difference?: Difference;
}

const KEY_ID = '788cd77115cd0bb7b2d5e0ae8496f6b48149d5e712c652076b1fd2d957ef7c1f';
const FINGERPRINT = '778827225BA7DE539C5A7CFA59CFF7CDBD9A5920';
/** Base64 of the bytes 85 01 02 03: as OpenPGP's binary begins. */
const SECRET = 'hQECAw==';

/** A whole client, with these lines besides. */
function client(lines: string, name = 'web1', keyId = KEY_ID): string {
  return `[${name}]\nkey_id = ${keyId}\nfingerprint = ${FINGERPRINT}\nsecret = ${SECRET}\n${lines}\n`;
}

/** A client without a secret. */
function withSecret(lines: string): string {
  return `[web1]\nkey_id = ${KEY_ID}\nfingerprint = ${FINGERPRINT}\n${lines}\n`;
}

const OTHER_KEY_ID = 'a'.repeat(64);

export const CLIENTS_CASES: readonly ClientsCase[] = [
  { name: 'nothing but defaults', text: client('') },
  { name: 'no client at all', text: '' },
  { name: 'only [DEFAULT]', text: '[DEFAULT]\ntimeout = PT1M\n' },
  {
    name: 'every option',
    text: client(
      'host = h.example.org\nchecker = ping %%(host)s\ntimeout = P1Y2M3DT4H5M6S\nextended_timeout = P2W\n' +
        'interval = PT1M\napproval_delay = PT30S\napproval_duration = PT5S\napproved_by_default = no\nenabled = off',
    ),
  },
  {
    name: 'inherits from [DEFAULT]',
    text: `[DEFAULT]\ntimeout = PT1H\nenabled = 0\n${client('enabled = 1')}`,
  },
  { name: '[DEFAULT] after the clients', text: `${client('')}[DEFAULT]\ntimeout = PT1H\n` },
  { name: '[DEFAULT] twice', text: `[DEFAULT]\ntimeout = PT1H\n${client('')}[DEFAULT]\ninterval = PT9M\n` },
  {
    name: 'option twice over two [DEFAULT]',
    text: `[DEFAULT]\ntimeout=PT1H\n[DEFAULT]\ntimeout=PT2H\n${client('')}`,
  },
  { name: 'two clients in order', text: client('', 'z') + client('', 'a', OTHER_KEY_ID) },
  { name: 'names differ in case', text: client('', 'web') + client('', 'WEB', OTHER_KEY_ID) },
  { name: 'section twice', text: client('') + client('') },
  { name: 'option twice', text: client('host = a\nhost = b') },
  { name: 'option twice in another case', text: client('host = a\nHost = b') },
  { name: 'keys in capitals', text: client('HOST = a\nTimeOut = PT1M') },
  { name: 'colons', text: client('host: a:b=c\ntimeout :PT1M') },
  { name: 'text before the first section', text: `host = a\n${client('')}` },
  { name: 'line without a delimiter', text: client('host') },
  { name: 'line without a key', text: client('= a') },
  { name: 'comments of all kinds', text: client('# a\n  ; b\n\t# c\nhost = a\n    # within\n  b') },
  { name: 'inline comments are values', text: client('host = a # not a comment ; either') },
  { name: 'continuation by tabs and blanks', text: client('host = a\n\tb\n c\n    d') },
  { name: 'continuation with an empty line within', text: client('host = a\n\n  b\n\n\nenabled = no') },
  { name: 'indented option after another is its continuation', text: client('host = a\n  timeout = PT1M') },
  { name: 'all indented alike', text: client('').replace(/^/gm, '  ') },
  { name: 'carriage returns', text: client('host = a\n  b').replaceAll('\n', '\r\n') },
  { name: 'byte order mark', text: `\ufeff${client('')}` },
  { name: 'white space around the value', text: client('host = \u00a0 a \t') },
  { name: 'a name in brackets', text: client('', 'a]b') },
  { name: 'text behind the section', text: client('').replace(']', '] text') },
  { name: 'empty section name', text: client('', '') },
  {
    name: 'blank section name',
    text: client('', ' '),
    ...refused('a client needs a name; D-Bus has no path for it'),
  },
  { name: 'expansion within the section', text: client('domain = example.org\nhost = h.%(domain)s') },
  { name: 'expansion from [DEFAULT]', text: `[DEFAULT]\nd = x.org\n${client('host = h.%(D)s')}` },
  {
    name: 'expansion in [DEFAULT] of what the client has',
    text: `[DEFAULT]\nhost = %(n)s.org\n${client('n = a')}`,
  },
  { name: 'expansion of what only some clients have', text: `[DEFAULT]\nhost = %(n)s.org\n${client('')}` },
  { name: 'expansion of a built-in default', text: client('x = %(timeout)s\ninterval = %(x)s') },
  { name: 'expansion in a circle', text: client('a = %(b)s\nb = %(a)s') },
  { name: 'expansion of nothing', text: client('host = %(nope)s') },
  { name: 'expansion of nothing in an unknown option', text: client('unknown = %(nope)s') },
  { name: 'a lone percent sign', text: client('host = 100%') },
  { name: 'percent signs', text: client('host = 100%%') },
  { name: 'unclosed reference', text: client('host = %(interval') },
  { name: 'reference without its s', text: client('host = %(interval)') },
  { name: 'secret by expansion', text: `[DEFAULT]\ns = ${SECRET}\n${withSecret('secret = %(s)s')}` },
  {
    name: 'checker with start-time and run-time expansion',
    text: client('checker = a %(host)s %%(host)s\nhost = h'),
  },
  { name: 'checker with percent signs', text: client('checker = date +%%%%s') },
  {
    name: 'checker that names no attribute',
    text: client('checker = fping %%(hostname)s'),
    ...refused('the original fails whenever the checker is to run'),
  },
  {
    name: 'checker with a lone percent sign',
    text: client('checker = date +%%s'),
    ...refused('the original fails whenever the checker is to run'),
  },
  { name: 'empty checker', text: client('checker =') },
  { name: 'unknown option', text: client('tiemout = PT1M') },
  { name: 'runtime attributes as options', text: client('created = x\nname = other') },
  { name: 'old durations', text: client('timeout = 1d 5m 3h 1w 30s\ninterval = 90s') },
  { name: 'bad duration', text: client('timeout = 5 parsecs') },
  { name: 'duration without a unit', text: client('timeout = P5') },
  { name: 'duration with a gap', text: client('timeout = PT1H5S') },
  {
    name: 'time after months',
    text: client('timeout = P1MT1H'),
    ...accepted('RFC 3339 Appendix A allows it'),
  },
  { name: 'empty duration', text: client('timeout ='), ...refused('the original takes it for zero') },
  { name: 'negative duration', text: client('timeout = -1d'), ...refused('it means nothing') },
  {
    name: 'interval of zero',
    text: client('interval = PT0S'),
    ...refused('the checker would run without pause'),
  },
  { name: 'booleans in any case', text: client('enabled = OFF\napproved_by_default = yEs') },
  { name: 'bad boolean', text: client('enabled = maybe') },
  { name: 'empty boolean', text: client('enabled =') },
  { name: 'boolean with two lines', text: client('enabled = yes\n no') },
  { name: 'secret over several lines', text: withSecret('secret =\n   hQ\n\n   ECAw\n   ==\nhost = a') },
  { name: 'secret with blanks', text: withSecret('secret = hQ EC\tAw==') },
  {
    name: 'secret with other characters',
    text: withSecret('secret = hQ!EC*Aw=='),
    ...refused('the original drops them: a damaged secret is sent'),
  },
  { name: 'secret of three characters', text: withSecret('secret = hQE') },
  { name: 'secret of one character', text: withSecret('secret = h') },
  {
    name: 'secret with text behind its end',
    text: withSecret('secret = hQECAw==hQECAw=='),
    ...refused('the original sends the first half'),
  },
  {
    name: 'secret with too much padding',
    text: withSecret('secret = hQECAw==='),
    ...refused('it is damaged'),
  },
  { name: 'empty secret', text: withSecret('secret ='), ...refused('no client can use it') },
  {
    name: "secret's last line not indented",
    text: withSecret('secret =\n  hQEC\nAw=='),
    ...refused('the original sends the secret without its last line'),
  },
  { name: 'no secret', text: withSecret('') },
  { name: 'secret and missing secfile', text: client('secfile = /nonexistent') },
  { name: 'missing secfile', text: withSecret('secfile = /nonexistent') },
  { name: 'secfile that is a directory', text: withSecret('secfile = /') },
  { name: 'secfile by its own name', text: withSecret('secfile = $SECRET_DIRECTORY/secret') },
  { name: 'secfile in the home directory', text: withSecret('secfile = ~/secret') },
  { name: 'empty secfile', text: withSecret('secfile = ~/empty'), ...refused('no client can use it') },
  {
    name: 'key ID with blanks and capitals',
    text: client('').replace(KEY_ID, KEY_ID.toUpperCase().replace(/..../g, '$& ')),
  },
  {
    name: 'key ID over two lines',
    text: client('').replace(KEY_ID, `${KEY_ID.slice(0, 32)}\n  ${KEY_ID.slice(32)}`),
    difference: { here: 'value', why: 'the original keeps the line break, and no key ever matches' },
  },
  {
    name: 'key ID not hexadecimal',
    text: client('', 'web1', 'g'.repeat(64)),
    ...refused('no key can match it'),
  },
  { name: 'key ID too short', text: client('', 'web1', KEY_ID.slice(1)), ...refused('no key can match it') },
  { name: 'fingerprint too short', text: client('').replace(FINGERPRINT, 'AB'), ...refused('it is damaged') },
  { name: 'fingerprint only', text: `[a]\nfingerprint = ${FINGERPRINT}\nsecret = ${SECRET}\n` },
  { name: 'empty fingerprint', text: `[a]\nkey_id = ${KEY_ID}\nfingerprint =\nsecret = ${SECRET}\n` },
  {
    name: 'key ID only',
    text: `[a]\nkey_id = ${KEY_ID}\nsecret = ${SECRET}\n`,
    ...accepted('its manual page says that one of both is enough'),
  },
  { name: 'neither key ID nor fingerprint', text: `[a]\nsecret = ${SECRET}\n` },
  {
    name: 'both empty',
    text: `[a]\nkey_id =\nfingerprint =\nsecret = ${SECRET}\n`,
    ...refused('no client can be known by them'),
  },
  {
    name: 'one key ID twice',
    text: client('', 'a') + client('', 'b'),
    ...refused('the second client would never get its secret'),
  },
  {
    name: 'names with one D-Bus path',
    text: client('', 'a.b') + client('', 'a-b', OTHER_KEY_ID),
    ...refused('the original accepts the file and ends when it makes the second object'),
  },
  {
    name: 'a NUL character',
    text: client('host = a\0b'),
    ...refused('no command can have it as an argument'),
  },
];
