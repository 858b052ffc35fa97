/** An address and port as people write it: `[fe80::1%eth0]:4711`, `192.0.2.3:4711` (IPv4-mapped ones as IPv4). */
export function formatEndpoint(address: string, port: number): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return ipv4.includes(':') ? `[${ipv4}]:${port}` : `${ipv4}:${port}`;
}
