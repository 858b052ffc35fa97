import type { DnsRecord, OwnRecord, Question } from './records.js';
import { isSameRecord, sameName } from './records.js';

/** IN and ANY, each also with the unicast-response bit (0x8000), which multicast-dns does not know. */
const CLASSES = new Set(['IN', 'ANY', 'UNKNOWN_32769', 'UNKNOWN_33023']);

/** Which of our records a query asks for and its sender does not have yet; each once, however often it asks. */
export function recordsAskedFor(
  records: readonly OwnRecord[],
  questions: readonly Question[],
  knownAnswers: readonly DnsRecord[],
): OwnRecord[] {
  const asked = records.filter(record => questions.some(question => asks(question, record)));
  return asked.filter(record => !knownAnswers.some(known => isFresh(record, known)));
}

function asks(question: Question, record: OwnRecord): boolean {
  return (
    (question.type === record.type || (question.type as string) === 'ANY') &&
    (question.class === undefined || CLASSES.has(question.class)) &&
    sameName(question.name, record.name)
  );
}

/** Known-answer suppression: RFC 6762 section 7.1. */
function isFresh(record: OwnRecord, known: DnsRecord): boolean {
  return isSameRecord(record, known) && 'ttl' in known && (known.ttl ?? 0) >= record.ttl / 2;
}
