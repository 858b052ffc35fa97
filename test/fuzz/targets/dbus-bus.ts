/* What a bus says to a program that connects, from its first line on: common/dbus/connection.ts over real sockets. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'common/dbus/connection.js',
    'common/dbus/read-messages.js',
    'common/dbus/decode.js',
    'common/dbus/signature.js',
  ],
  limitBytes: 2048,
  batch: 32,
};

export async function prepare(): Promise<Prepared> {
  const { openConnection } = await import('../../../common/dbus/connection.js');
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-bus-'));
  const path = join(directory, 'bus');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  return {
    async run(input) {
      const arrived = once(server, 'connection') as Promise<[Socket]>;
      let message = 0;
      const ended = new Promise<void>(resolve => {
        openConnection(`unix:path=${path}`, 1024, {
          message: ({ body }) => {
            message++;
            try {
              body();
            } catch (error) {
              check(error instanceof Error, 'not an error');
            }
          },
          fault: reason => check(!reason.includes('\n'), reason),
          end: () => resolve(),
        });
      });
      const [bus] = await arrived;
      bus.on('error', () => {});
      bus.resume();
      bus.end(input);
      await ended;
      bus.destroy();
      check(message <= input.length / 16, `${message} messages of ${input.length} bytes`);
    },
    close() {
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
