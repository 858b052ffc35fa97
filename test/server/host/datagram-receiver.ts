import type { TestContext } from 'node:test';
import { Child } from '../../support/child.js';

/** Node.js has no Unix datagram sockets. A datagram is a line, as JSON; nothing is read before a line on standard input. */
const RECEIVER = `
import json, os, socket, sys
path = sys.argv[1]
if path[0] != "@" and os.path.exists(path): os.unlink(path)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path.replace("@", "\\0", 1) if path[0] == "@" else path)
if path[0] != "@": os.chmod(path, 0o666)
print("listening", flush=True)
sys.stdin.readline()
while True:
    print(json.dumps(s.recv(65536).decode("utf-8")), flush=True)
`;

export interface Receiver {
  readonly child: Child;
  /** Starts to read, where it does not do so from the beginning. */
  read(): void;
  /** All datagrams so far. */
  received(): string[];
  /** Waits for a datagram that matches. */
  waitFor(pattern: RegExp): Promise<string>;
  /** Removes the receiver; its socket's name stays. */
  stop(): Promise<unknown>;
}

/**
 * A real datagram socket.
 * @param path or `@` and an abstract name
 * @param isStuck whether nothing is read before `read`
 */
export async function startReceiver(t: TestContext, path: string, isStuck = false): Promise<Receiver> {
  const child = new Child('python3', ['-c', RECEIVER, path], { keepInputOpen: true });
  t.after(() => child.stop('SIGKILL'));
  await child.waitForOutput(/^listening$/m);
  const read = () => void child.stdin.write('\n');
  if (!isStuck) read();
  const received = () =>
    child.stdout
      .split('\n')
      .slice(1, -1)
      .map(line => JSON.parse(line) as string);
  return {
    child,
    read,
    received,
    async waitFor(pattern) {
      for (let from = 0; ;) {
        const found = received().find(datagram => pattern.test(datagram));
        if (found !== undefined) return found;
        from = child.output.length;
        await child.waitForOutput(/\n/, undefined, from);
      }
    },
    stop: () => child.stop('SIGKILL'),
  };
}
