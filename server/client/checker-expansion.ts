import { CHECKER_CONVERSIONS } from './checker-format.js';

/**
 * Expands a checker command for a run (mandos-clients.conf(5), RUNTIME EXPANSION).
 * @param command after start-time expansion, without a checkerProblem
 * @param attribute the text of one of CHECKER_ATTRIBUTES; any text is safe, since the shell gets it quoted
 * @returns what the shell is to run
 */
export function expandChecker(command: string, attribute: (name: string) => string): string {
  return command.replace(CHECKER_CONVERSIONS, (_, name: string | undefined) =>
    name === undefined ? '%' : shellQuote(attribute(name)),
  );
}

/** The text as one word of a shell command, written as Python's shlex.quote writes it: bare where that is safe. */
export function shellQuote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
