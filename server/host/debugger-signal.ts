/**
 * Keeps SIGUSR1 from opening Node.js's debugger, through which any process of the same user, a checker for instance,
 * could read the server's secrets. Node.js opens it when there is no listener of our own. To be called before root is
 * given up: until then only root can send signals.
 */
export function ignoreDebuggerSignal(): void {
  process.on('SIGUSR1', () => {});
}
