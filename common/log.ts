/** Severities of mandos(8) `--debuglevel`, most severe first. */
export const LOG_LEVELS = ['critical', 'error', 'warning', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The level of this name, in whatever case. */
export function findLogLevel(name: string): LogLevel | undefined {
  return LOG_LEVELS.find(level => level === name.toLowerCase());
}

/** Where a program says what happens. A message is one line; nothing secret is ever passed here. */
export interface Log {
  critical(message: string): void;
  error(message: string): void;
  warning(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** Lets a caller skip making a message nobody reads. */
  isEnabled(level: LogLevel): boolean;
}

export interface LogSink {
  /** @param line one line, without its newline */
  write(level: LogLevel, line: string): void;
}

/**
 * A log that passes on messages of `level` and more severe ones.
 * @param level read at each message, so that it can change at run time
 */
export function createLog(sink: LogSink, level: LogLevel | (() => LogLevel)): Log {
  const threshold = typeof level === 'function' ? level : () => level;
  const isEnabled = (of: LogLevel) => LOG_LEVELS.indexOf(of) <= LOG_LEVELS.indexOf(threshold());
  const at = (of: LogLevel) => (message: string) => {
    if (isEnabled(of)) sink.write(of, printable(message));
  };
  return {
    critical: at('critical'),
    error: at('error'),
    warning: at('warning'),
    info: at('info'),
    debug: at('debug'),
    isEnabled,
  };
}

const COLOURS: Record<LogLevel, string> = {
  critical: '\x1b[1;31m',
  error: '\x1b[31m',
  warning: '\x1b[33m',
  info: '',
  debug: '\x1b[2m',
};

/**
 * Lines as `mandos: error: text` on standard error; coloured on a terminal unless NO_COLOR is set.
 * @param write takes whole lines. Default: at once
 */
export function standardErrorSink(
  program: string,
  write: (text: string) => void = text => void process.stderr.write(text),
): LogSink {
  // Whoever read it may be gone; a log must never end the program.
  process.stderr.on('error', () => {});
  const coloured = process.stderr.isTTY && !process.env['NO_COLOR'];
  return {
    write(level, line) {
      const prefix = level === 'info' ? '' : `${level}: `;
      const colour = coloured ? COLOURS[level] : '';
      write(`${program}: ${colour}${prefix}${line}${colour && '\x1b[0m'}\n`);
    },
  };
}

/**
 * The text with control characters shown as `\xNN`: what comes from the network or a file must not be able to forge
 * a log line or to speak to a terminal.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, char => {
    const code = char.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
