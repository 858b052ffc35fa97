/*
 * node record.js ADDRESS PORT FILE: stands between a client and the server at ADDRESS, and writes down what the client
 * says until it has closed. Prints the port that it listens on.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

const [host = '', port = '', file = ''] = process.argv.slice(2);
const listener = createServer(client => {
  const said: Buffer[] = [];
  const server = connect(Number(port), host);
  client.on('data', (chunk: Buffer) => said.push(chunk));
  client.pipe(server);
  server.pipe(client);
  for (const socket of [client, server]) {
    socket.on('error', () => {});
    socket.on('close', () => {
      writeFileSync(file, Buffer.concat(said));
      listener.close();
    });
  }
});
listener.listen(0, '::', () => {
  process.stdout.write(`recording at ${(listener.address() as AddressInfo).port}\n`);
});
