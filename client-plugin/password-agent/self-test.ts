import { MandosError } from '../../common/errors.js';
import { answerQuestion } from './answer-question.js';
import { deviceOf, parseAskFile, whyNotForUs } from './ask-file.js';

const QUESTION =
  '[Ask]\nPID=1\nSocket=/nonexistent/sck\nNotAfter=0\nEcho=0\nId=cryptsetup:/dev/x\nMessage=?\n';

/**
 * Tries the parts that need no question and no server: reading a question, and the C library's sockets.
 * @throws MandosError SELF_TEST
 */
export function selfTest(): string {
  const asked = parseAskFile(QUESTION);
  const isRead =
    typeof asked !== 'string' && deviceOf(asked) === '/dev/x' && whyNotForUs(asked) === undefined;
  if (!isRead) throw new MandosError('SELF_TEST', 'self-test: a question is not understood');
  if (answerQuestion('/nonexistent/sck', new Uint8Array(1)).kind !== 'later')
    throw new MandosError('SELF_TEST', 'self-test: a socket that is not there is not noticed');
  return 'ok\n';
}
