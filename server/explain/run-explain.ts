import type { OptionValues } from '../../common/cli.js';
import { lastValue, UsageError } from '../../common/cli.js';
import type { Finding } from '../../common/explanation.js';
import { conclude, fill, formatChapter, isInTheWay } from '../../common/explanation.js';
import { printOut } from '../../common/output.js';
import { collectFacts } from './collect-facts.js';
import { explain, undecided } from './explain.js';

/**
 * `mandos --explain CLIENT`: prints every condition of a release, and what stands in the way.
 * @returns the exit status: 0 when nothing does; 1 when something does, or when what decides could not be looked at
 * @throws UsageError when it is not said whom it is about
 */
export async function runExplain(values: OptionValues): Promise<0 | 1> {
  const word = lastValue(values, 'explain') ?? '';
  if (word === '') throw new UsageError('--explain needs the name of a client, or its key ID');
  if (word.startsWith('--'))
    throw new UsageError(`--explain needs the name of a client, or its key ID, not "${word}"`);
  const facts = await collectFacts(word, values);
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const chapters = explain(facts);
  const findings = chapters.flatMap(chapter => chapter.findings);
  const name = facts.subject?.name ?? word;
  printOut(fill(`What it takes for ${name} to get its password from the server on this host:`));
  printOut(chapters.map(chapter => formatChapter(chapter, colours)).join(''));
  const open = undecided(facts);
  printOut(`\n${open ? fill(openSentence(name, open)) : conclude(findings)}`);
  return open !== undefined || findings.some(isInTheWay) ? 1 : 0;
}

function openSentence(name: string, { text, advice }: Finding): string {
  const rest = advice === undefined ? '' : `; ${advice}`;
  return `Whether ${name} gets its password is not known: ${text}${rest}.`;
}
