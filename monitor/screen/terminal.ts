import Program from 'blessed/lib/program.js';
import type { Key } from 'blessed/lib/program.js';
import type { Input, Size } from './model.js';

/** How long after Ctrl-Z the screen is taken again; the time that the program is stopped does not count. */
const AFTER_STOP_MS = 100;

/** A terminal that shows lines, and tells what is typed. */
export interface Terminal {
  size(): Size;
  onInput(listener: (input: Input) => void): void;
  onResize(listener: () => void): void;
  /** Hears that nobody is at the terminal any more. */
  onEnd(listener: () => void): void;
  /** @param lines painted, as many as there are rows, each as wide as the terminal */
  draw(lines: readonly string[]): void;
  /** The next `draw` draws all lines. */
  forget(): void;
  bell(): void;
  /** Gives the terminal back to the shell until that continues this program. */
  suspend(resumed: () => void): void;
  /** Leaves the terminal as it was. */
  close(): void;
}

/**
 * The sequences are those that every terminal of the last decades has (ECMA-48, DEC private modes), so that neither
 * terminfo nor its oddities matter.
 */
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const NO_AUTOWRAP = '\x1b[?7l';
const AUTOWRAP = '\x1b[?7h';
const CLEAR = '\x1b[m\x1b[2J\x1b[H';
const SECOND_SCREEN = '\x1b[?1049h';
const FIRST_SCREEN = '\x1b[?1049l';
const MOUSE_ON = '\x1b[?1000h\x1b[?1006h';
const MOUSE_OFF = '\x1b[?1006l\x1b[?1000l';

/** Terminals without a second screen and a mouse. */
const PLAIN_TERMINALS = /^(vt\d|linux)/;

/** SGR mouse report: button, column and row from 1, and whether it went down. */
// oxlint-disable-next-line no-control-regex -- a control sequence begins with one
const MOUSE_REPORT = /\x1b\[<(\d+);(\d+);(\d+)([Mm])/g;

/** Takes the terminal. @param term TERM */
export function openTerminal(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  term: string | undefined,
): Terminal {
  const isPlain = PLAIN_TERMINALS.test(term ?? '');
  const enter =
    (isPlain ? '' : SECOND_SCREEN) + HIDE_CURSOR + NO_AUTOWRAP + CLEAR + (isPlain ? '' : MOUSE_ON);
  const leave =
    (isPlain ? CLEAR : `${MOUSE_OFF}\x1b[m`) + AUTOWRAP + SHOW_CURSOR + (isPlain ? '' : FIRST_SCREEN);
  const program = new Program({ input, output, tput: false });
  let shown: readonly string[] = [];
  let isClosed = false;
  /** The screen is the shell's. */
  let isSuspended = false;
  const write = (text: string) => {
    if (output.writable) output.write(text);
  };
  // Whoever looked at it may be gone; `onEnd` tells.
  output.on('error', () => {});
  write(enter);

  return {
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    onInput(listener) {
      program.on('keypress', (character, key) => {
        const name = keyName(character, key);
        if (name !== undefined) listener({ kind: 'key', key: name });
      });
      input.on('data', (chunk: Buffer | string) => {
        for (const report of chunk.toString().matchAll(MOUSE_REPORT)) {
          const mouse = mouseInput(report);
          if (mouse) listener(mouse);
        }
      });
    },
    onResize(listener) {
      program.on('resize', listener);
    },
    onEnd(listener) {
      input.on('end', listener);
      input.on('error', listener);
      output.on('error', listener);
    },
    draw(lines) {
      if (isSuspended) return;
      let text = '';
      for (const [row, line] of lines.entries()) if (line !== shown[row]) text += `\x1b[${row + 1};1H${line}`;
      shown = lines;
      if (text !== '') write(text);
    },
    forget() {
      shown = [];
      write(CLEAR);
    },
    bell: () => write('\x07'),
    suspend(resumed) {
      write(leave);
      input.setRawMode(false);
      isSuspended = true;
      setTimeout(() => {
        if (isClosed) return;
        isSuspended = false;
        input.setRawMode(true);
        shown = [];
        write(enter);
        resumed();
      }, AFTER_STOP_MS);
      // The whole job, as the terminal itself would do it.
      process.kill(0, 'SIGTSTP');
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      write(leave);
      program.destroy();
    },
  };
}

/** A key by its name or character, as the table of keys has it. */
function keyName(character: string | undefined, { name, full, ctrl, meta }: Key): string | undefined {
  // It comes a second time, as `enter`.
  if (name === 'return') return undefined;
  if (name === 'linefeed') return 'enter';
  if (ctrl || meta) return full;
  if (name !== undefined && name.length > 1) return name;
  return character !== undefined && character >= ' ' ? character : undefined;
}

function mouseInput([, button, column, row, end]: RegExpExecArray): Input | undefined {
  if (end !== 'M') return undefined;
  const at = { kind: 'mouse', column: Number(column) - 1, row: Number(row) - 1 } as const;
  switch (Number(button) & 0b110_0011) {
    case 0:
      return { ...at, action: 'press' };
    case 64:
      return { ...at, action: 'wheel-up' };
    case 65:
      return { ...at, action: 'wheel-down' };
    default:
      return undefined;
  }
}
