import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { isOwnPlugin, runOwnPlugin } from '../plugin-runner/own-plugins.js';
import { runProcess } from '../plugin-runner/process-plugin.js';
import type { Privileges } from '../privileges.js';
import type { Obtain } from '../unlock/password-search.js';
import type { AgentOptions } from './options.js';

/** The search by MANDOS_CLIENT: within this process when that is a link to the running program. */
export function clientSearch(options: AgentOptions, privileges: Privileges): Obtain {
  const { client, clientArgs, helperDirectory, userId, groupId } = options;
  const environment = { ...process.env, MANDOSPLUGINHELPERDIR: helperDirectory };
  const name = basename(client);
  return (log, signal) => {
    if (isOwnPlugin(name) && isThisProgram(client))
      return runOwnPlugin(name, clientArgs, { environment, log, signal, privileges });
    const started = (pid: number) => log.debug(`${client}: started as process ${pid}`);
    const command = { file: client, args: clientArgs, environment, userId, groupId };
    return runProcess(command, { privileges, signal, started });
  };
}

function isThisProgram(file: string): boolean {
  const [, running] = process.argv;
  try {
    return running !== undefined && realpathSync(file) === realpathSync(running);
  } catch {
    return false; // It is not there: starting it says so.
  }
}
