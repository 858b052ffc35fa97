import { processPrivileges } from '../../client-plugin/privileges.js';
import { mandosClientPlugin } from '../../client-plugin/run-client.js';
import { createLog, standardErrorSink } from '../../common/log.js';

/** Gets the password twice in one process, and says as which user. */
const context = {
  environment: process.env,
  log: createLog(standardErrorSink('plugin-child'), 'info'),
  signal: new AbortController().signal,
  privileges: processPrivileges(),
};
for (let i = 0; i < 2; i++) {
  const password = await mandosClientPlugin(process.argv.slice(2), context);
  process.stdout.write(`${process.geteuid?.()} ${Buffer.from(password).toString('hex')}\n`);
}
process.exit(0);
