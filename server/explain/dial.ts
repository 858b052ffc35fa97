import { connect } from 'node:net';
import { describeError } from '../../common/errors.js';
import type { IpAddress, NetworkInterface } from '../../common/network-interfaces.js';
import type { Dial } from './facts.js';

/** This host answers itself at once. */
const DIAL_LIMIT_MS = 3_000;
/** Addresses that are tried: a host has a few on each of a few interfaces. */
const MOST_DIALS = 16;

/**
 * The addresses of this host at which a server should take connections.
 * @param address that it listens on
 */
export function addressesToDial(interfaces: readonly NetworkInterface[], address: string): string[] {
  const isOpen = address === '::' || address === '0.0.0.0';
  const outside = interfaces.filter(({ running, loopback }) => running && (!loopback || !isOpen));
  const own = outside.flatMap(({ addresses }) => addresses).filter(candidate => isServed(candidate, address));
  return [...new Set(own.map(({ scoped }) => scoped))].slice(0, MOST_DIALS);
}

function isServed({ family, address: own, tentative }: IpAddress, address: string): boolean {
  if (tentative) return false;
  if (address === '::') return true;
  if (address === '0.0.0.0') return family === 'ipv4';
  return own === address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

/** A server that does not serve this host closes at once; one that does waits for a greeting. */
const STAY_MS = 500;

/** Connects and leaves again, with nothing sent: the server does not count that as a failure. */
export function dial(address: string, port: number): Promise<Dial> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port });
    let timer = setTimeout(() => end(`no answer in ${DIAL_LIMIT_MS / 1000} s`), DIAL_LIMIT_MS);
    const end = (fault: string | undefined, closed = false) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ address, fault, closed });
    };
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
      clearTimeout(timer);
      timer = setTimeout(() => end(undefined), STAY_MS);
      socket.resume();
    });
    socket.once('end', () => end(undefined, true));
    // A reset, behind the connection.
    socket.on('error', error => (isConnected ? end(undefined, true) : end(describeError(error))));
  });
}
