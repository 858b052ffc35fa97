import { containCrashes } from '../../../client-plugin/plugin-runner/contain-crashes.js';
import { endOnCrash } from '../../../common/crash.js';
import { createLog, standardErrorSink } from '../../../common/log.js';

/**
 * A program whose parts throw where nobody catches it. `node crashing.js outside` throws outside of them as well, at
 * the end.
 */
endOnCrash(() => createLog(standardErrorSink('crashing'), 'info'));
const say = (text: string) => process.stdout.write(`${text}\n`);

function part(name: string, crash: () => void): Promise<unknown> {
  return new Promise(resolve => {
    const onCrash = (error: unknown) => {
      say(`${name}: ${String(error)}`);
      resolve(undefined);
    };
    void containCrashes(onCrash, async () => {
      await Promise.resolve();
      setTimeout(crash, 10);
    });
  });
}

await part('a timer', () => {
  throw new Error('thrown');
});
await part('a promise', () => {
  void Promise.reject(new Error('rejected'));
});
await Promise.all([
  part('one', () => {
    throw new Error('first');
  }),
  part('two', () => {
    throw new Error('second');
  }),
]);
say('still there');
if (process.argv[2] === 'outside') {
  setTimeout(() => {
    throw new Error('outside');
  }, 10);
}
