import type { LogSink } from '../../common/log.js';
import { standardErrorSink } from '../../common/log.js';
import { syslogSink } from './syslog.js';
import { isUnderJournal, journalSink } from './systemd.js';

/**
 * Where the server logs: in the background to syslog, and until it is ready to whoever has started it, too; in the
 * foreground to the journal, when systemd has connected standard error to it, or else to standard error.
 * @param background undefined in the foreground
 */
export function chooseLogSink(
  program: string,
  background: { readonly isReady: boolean } | undefined,
): LogSink {
  if (background === undefined) {
    const write = gatherOutput();
    return isUnderJournal() ? journalSink(write) : standardErrorSink(program, write);
  }
  const syslog = syslogSink(program);
  const starter = standardErrorSink(program);
  return {
    write(level, line) {
      syslog.write(level, line);
      if (!background.isReady) starter.write(level, line);
    },
  };
}

/** What is said in one turn of the event loop goes in one write: of a fleet that boots, many lines do. */
function gatherOutput(): (text: string) => void {
  let waiting = '';
  const write = () => {
    const text = waiting;
    waiting = '';
    if (text !== '') process.stderr.write(text);
  };
  process.on('exit', write);
  return text => {
    if (waiting === '') process.nextTick(write);
    waiting += text;
  };
}
