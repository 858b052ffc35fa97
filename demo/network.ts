import { Program, runProgram } from './program.js';

/** Where the demo's server and client run, and how they find each other. */
export interface DemoNetwork {
  readonly kind: 'private' | 'loopback';
  /** For a sentence about the server. */
  readonly where: string;
  readonly serverOptions: readonly string[];
  clientOptions(serverPort: number): readonly string[];
  onServer(command: string, args: readonly string[]): Program;
  onClient(command: string, args: readonly string[]): Program;
}

/**
 * Two hosts joined by a cable: this process's network namespace is the server's, another the client's. Link-local
 * addresses only, so that a machine's own network has no part in it.
 */
export async function createPrivateNetwork(): Promise<DemoNetwork> {
  // Holds the client's namespace for as long as the demo runs.
  const holder = new Program('unshare', ['--net', 'sh', '-c', 'echo ready >&2; exec sleep 600']);
  await holder.waitFor(/ready/);
  const inClient = ['--target', String(holder.pid), '--net', '--'];
  const server = (words: string) => runProgram('ip', words.split(' '));
  const client = (words: string) => runProgram('nsenter', [...inClient, 'ip', ...words.split(' ')]);
  await server('link set lo up');
  await server(`link add eth0 type veth peer name eth0 netns ${holder.pid}`);
  for (const [ip, address] of [
    [server, 'fe80::1/64'],
    [client, 'fe80::2/64'],
  ] as const) {
    // Without duplicate address detection, which would take two seconds.
    await ip('link set eth0 addrgenmode none');
    await ip('link set eth0 up');
    await ip(`address add ${address} dev eth0 nodad`);
  }
  return {
    kind: 'private',
    where: 'in a private network namespace and advertises itself over Zeroconf (mandos)',
    serverOptions: [],
    clientOptions: () => [],
    onServer: (command, args) => new Program(command, args),
    onClient: (command, args) => new Program('nsenter', [...inClient, command, ...args]),
  };
}

export function createLoopback(): DemoNetwork {
  return {
    kind: 'loopback',
    where: 'on loopback (mandos --no-zeroconf)',
    serverOptions: ['--no-zeroconf', '--address=::1', '--port=0'],
    clientOptions: serverPort => [`--connect=::1:${serverPort}`, '--interface=lo'],
    onServer: (command, args) => new Program(command, args),
    onClient: (command, args) => new Program(command, args),
  };
}
