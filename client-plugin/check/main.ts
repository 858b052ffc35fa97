import { release } from 'node:os';
import { UsageError } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError } from '../../common/errors.js';
import { disableCoreDumps } from '../../common/libc.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { printOut } from '../../common/output.js';
import { EX_USAGE } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { askServer } from './ask-server.js';
import { check } from './check.js';
import type { AskServer } from './check.js';
import { HostFiles } from './host-files.js';
import { readHost } from './host.js';
import { readRequest } from './options.js';
import type { CheckRequest } from './options.js';
import { formatJson, formatReport, isWell } from './report.js';

/** `mandos-initramfs check`: mandos-initramfs(8). @param argv what stands behind `check` */
export async function checkMain(argv: readonly string[]): Promise<void> {
  const log = createLog(standardErrorSink('mandos-initramfs'), 'info');
  endOnCrash(() => log);
  try {
    const request = readRequest(argv);
    if (typeof request === 'string') {
      printOut(request);
      return;
    }
    // An image has private keys.
    disableCoreDumps();
    const host = await readHost(new HostFiles('/'), release());
    const { askMs } = request;
    const privileges = processPrivileges();
    const ask: AskServer | undefined =
      askMs === undefined ? undefined : subject => askServer(subject, askMs, log, privileges);
    const parts = await check(request, host, Date.now(), ask);
    printOut(request.json ? formatJson(parts, request) : formatReport(parts, styleOf(request)));
    // Tries of servers that lost may still be under way; nobody waits for them.
    process.exit(isWell(parts.flatMap(({ findings }) => findings)) ? 0 : 1);
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1;
  }
}

function styleOf({ quiet }: CheckRequest) {
  const marks = process.stdout.isTTY;
  return { quiet, marks, colours: marks && !process.env['NO_COLOR'] };
}
