import { counted } from '../../common/counted.js';
import type { LogLevel, LogSink } from '../../common/log.js';
import { DatagramQueue } from './datagram-queue.js';
import { SYSLOG_SEVERITIES } from './severity.js';

/** LOG_DAEMON of syslog(3), where a priority's lower three bits are the severity. */
const FACILITY_DAEMON = 3 << 3;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Lines that wait for a syslogd that restarts or is slow; more than that are counted and lost. */
const LINES_WAITING_MAX = 1_000;

/** Bytes of a line, what rsyslog takes by default; the rest is cut off. */
const LINE_LIMIT_BYTES = 8 * 1024;

/**
 * Lines to the local syslogd, in the form in which syslog(3) writes them. Never waits for it: lines that it does not
 * take wait in a queue, and when that is full, they are lost; how many is the first thing logged when it goes again.
 * @param program the tag
 * @param path of the socket
 */
export function syslogSink(program: string, path = '/dev/log'): LogSink {
  let lost = 0;
  const queue = new DatagramQueue(path, LINES_WAITING_MAX, () => {
    if (lost === 0) return;
    const text = `${counted(lost, 'line')} of this log lost: syslog did not take them`;
    lost = 0;
    queue.send(format(program, 'warning', text, new Date()));
  });
  return {
    write(level, line) {
      // Once one is lost so are those that follow, until the loss is said: the log must not have an unmarked gap.
      if (lost > 0 || !queue.send(format(program, level, line, new Date()))) lost++;
    },
  };
}

/** RFC 3164 section 4.1, without the host, as programs send it to their own machine's syslogd. */
function format(program: string, level: LogLevel, line: string, time: Date): Buffer {
  const priority = FACILITY_DAEMON | SYSLOG_SEVERITIES[level];
  const text = `<${priority}>${timestamp(time)} ${program}[${process.pid}]: ${line}`;
  return cut(Buffer.from(text), LINE_LIMIT_BYTES);
}

/** Local time, the day of the month padded with a blank. */
function timestamp(time: Date): string {
  const day = String(time.getDate()).padStart(2, ' ');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const digits = clock.map(part => String(part).padStart(2, '0'));
  return `${MONTHS[time.getMonth()]} ${day} ${digits.join(':')}`;
}

/** The text's first bytes, whole characters of UTF-8 only. */
function cut(text: Buffer, limitBytes: number): Buffer {
  if (text.length <= limitBytes) return text;
  let end = limitBytes;
  while (((text[end] ?? 0) & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
