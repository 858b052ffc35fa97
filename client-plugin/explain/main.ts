import { existsSync } from 'node:fs';
import type { OptionValues } from '../../common/cli.js';
import { parseCommandLine, UsageError } from '../../common/cli.js';
import { describeError } from '../../common/errors.js';
import type { Chapter, Finding } from '../../common/explanation.js';
import { conclude, fill, formatChapter, isInTheWay, unknown } from '../../common/explanation.js';
import { disableCoreDumps } from '../../common/libc.js';
import type { Log } from '../../common/log.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { listInterfaces } from '../../common/network-interfaces.js';
import { printOut } from '../../common/output.js';
import { chooseInterfaces, isReady } from '../network/interfaces.js';
import type { ClientOptions } from '../options.js';
import { clientOptions, EX_USAGE, KEY_DIRECTORY, PROGRAM } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { canSearch, interfaceFindings } from './interface-findings.js';
import type { KeyLook } from './key-findings.js';
import { lookAtKeys } from './key-findings.js';
import { search } from './search.js';
import { serverFindings } from './server-findings.js';

/** Where the running system has the keys of which the initramfs gets copies. */
const SYSTEM_KEYS = '/etc/keys/mandos';

/** `mandos-client --explain`: prints every condition of a boot's search for the password, and ends the process. */
export async function main(argv: readonly string[]): Promise<never> {
  const sink = standardErrorSink(PROGRAM.name);
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      process.exit(0);
    }
    const options = clientOptions(onThisSystem(commandLine.values));
    const log = createLog(sink, options.debug ? 'debug' : 'error');
    process.exit((await explain(options, log)) ? 0 : 1);
  } catch (error) {
    createLog(sink, 'info').error(describeError(error));
    process.exit(error instanceof UsageError ? EX_USAGE : 1);
  }
}

/** With the keys of the running system, where there are none as in an initramfs and others are not named. */
function onThisSystem(values: OptionValues): OptionValues {
  if (existsSync(KEY_DIRECTORY) || !existsSync(SYSTEM_KEYS)) return values;
  const files: readonly [string, string][] = [
    ['seckey', 'seckey.txt'],
    ['tls-pubkey', 'tls-pubkey.pem'],
    ['tls-privkey', 'tls-privkey.pem'],
  ];
  return new Map([...files.map(([name, file]) => [name, [`${SYSTEM_KEYS}/${file}`]] as const), ...values]);
}

/** @returns whether nothing is in the way */
async function explain(options: ClientOptions, log: Log): Promise<boolean> {
  disableCoreDumps();
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const all: Finding[] = [];
  const show = (chapter: Chapter) => {
    all.push(...chapter.findings);
    printOut(formatChapter(chapter, colours));
  };
  printOut(fill('What it takes for this machine to get its password:'));
  const look = await lookAtKeys(options);
  show({ title: 'Keys', findings: look.findings });
  const interfaces = listInterfaces();
  show({ title: 'Network interfaces', findings: interfaceFindings(interfaces, options.interfaces) });
  if (look.keys && canSearch(interfaces, options.interfaces)) {
    printOut(fill('Now the servers are asked, as at a boot: one that gives the password counts a release.'));
  }
  show({ title: 'Servers', findings: await searchFindings(options, look, log) });
  printOut(`\n${conclude(all)}`);
  return !all.some(isInTheWay);
}

async function searchFindings(
  options: ClientOptions,
  { keys, keyId }: KeyLook,
  log: Log,
): Promise<Finding[]> {
  if (!keys || keyId === undefined) return [unknown('servers cannot be asked without all keys')];
  const interfaces = listInterfaces();
  if (!canSearch(interfaces, options.interfaces)) {
    keys.seckey.bytes.fill(0);
    keys.tlsPrivkey.bytes.fill(0);
    return [unknown('servers cannot be asked without a network interface')];
  }
  const privileges = processPrivileges();
  const result = await search(options, keys, log, () => privileges.lower());
  return serverFindings(result, {
    keyId,
    given: options.connect.length > 0,
    interfaces: chooseInterfaces(listInterfaces(), options.interfaces)
      .filter(isReady)
      .map(({ name }) => name),
  });
}
