import koffi from 'koffi';
import { describeError, MandosError } from '../errors.js';

/**
 * The one file that declares functions of libgnutls (documented in gnutls(3) and gnutls.h). Everything here is a
 * plain function on opaque handles; TlsContext and TlsStream are what the rest of the project uses.
 *
 * Handles are addresses and are not checked: using one after its `free…` call crashes the process.
 */
export type Session = bigint & { readonly __handle?: 'gnutls_session_t' };
export type Credentials = bigint & { readonly __handle?: 'gnutls_certificate_credentials_t' };
export type Priorities = bigint & { readonly __handle?: 'gnutls_priority_t' };

const LIBRARY = 'libgnutls.so.30';
/** First release with raw public keys (RFC 7250) in TLS 1.3 and the flag that allows them. */
const OLDEST_VERSION = '3.6.6';

const ROLE_FLAGS = { server: 1, client: 2 } as const;
const NONBLOCK = 1 << 3;
const NO_TICKETS = 1 << 10;
/** One key share, for the first group; a peer that wants another says so, at the price of a round trip. */
const KEY_SHARE_TOP = 1 << 11;
const ENABLE_RAWPK = 1 << 18;
const CRD_CERTIFICATE = 1;
const CERT_IGNORE = 0;
const X509_FMT_PEM = 1;
const CTYPE_PEERS = 3;
const SHUT_WR = 1;

/** `gnutls_certificate_type_t`: RFC 7250's RawPublicKey. */
export const CRT_RAWPK = 3;
export const E_AGAIN = -28;
export const E_PREMATURE_TERMINATION = -110;
/** The socket's own error: errno says which. */
export const E_PUSH_ERROR = -53;
export const E_PULL_ERROR = -54;
const E_FATAL_ALERT_RECEIVED = -12;

type Transfer = (transport: bigint, data: bigint, bytes: number | bigint) => number;
type Ready = (transport: bigint, timeoutMs: number) => number;

interface Functions {
  strerror(code: number): string;
  errorIsFatal(code: number): number;
  init(session: [Session | null], flags: number): number;
  deinit(session: Session): void;
  credentialsAllocate(credentials: [Credentials | null]): number;
  credentialsFree(credentials: Credentials): void;
  credentialsSet(session: Session, type: number, credentials: Credentials): number;
  setRawPublicKey(
    credentials: Credentials,
    publicKey: Datum,
    privateKey: Datum,
    format: number,
    password: null,
    keyUsage: number,
    names: null,
    namesLength: number,
    flags: number,
  ): number;
  priorityInit(priorities: [Priorities | null], text: string, errorAt: null): number;
  priorityDeinit(priorities: Priorities): void;
  prioritySet(session: Session, priorities: Priorities): number;
  setRequest(session: Session, request: number): void;
  setErrno(session: Session, errno: number): void;
  setDescriptors(session: Session, receive: number, send: number): void;
  direction(session: Session): number;
  setPush(session: Session, callback: bigint): void;
  setPull(session: Session, callback: bigint): void;
  setPullTimeout(session: Session, callback: bigint): void;
  setHandshakeTimeout(session: Session, timeoutMs: number): void;
  handshake(session: Session): number;
  certificateType(session: Session, target: number): number;
  peers(session: Session, count: [number]): bigint | null;
  recordReceive(session: Session, buffer: Uint8Array, bytes: number): number | bigint;
  recordSend(session: Session, data: Uint8Array, bytes: number): number | bigint;
  bye(session: Session, how: number): number;
  alertSendAppropriate(session: Session, error: number): number;
  alertGet(session: Session): number;
  alertName(alert: number): string | null;
  hash(algorithm: number, data: bigint, bytes: number, digest: Uint8Array): number;
}

interface Datum {
  data: Uint8Array;
  size: number;
}

let functions: Functions | undefined;
let callbacks: { push: bigint; pull: bigint; ready: bigint } | undefined;

function gnutls(): Functions {
  return (functions ??= load());
}

function load(): Functions {
  const remedy = `install the package libgnutls30 (version ${OLDEST_VERSION} or later)`;
  let library;
  try {
    library = koffi.load(LIBRARY);
  } catch (error) {
    // What is missing may also be a library that this one needs.
    const text = `cannot load ${LIBRARY} (${describeError(error)}): ${remedy}`;
    throw new MandosError('GNUTLS_MISSING', text, { cause: error });
  }
  const checkVersion = library.func('const char *gnutls_check_version(const char *wanted)');
  if (checkVersion(OLDEST_VERSION) === null) {
    const found = String(checkVersion(null));
    throw new MandosError('GNUTLS_TOO_OLD', `GnuTLS ${found} cannot do raw public keys: ${remedy}`);
  }
  koffi.alias('ssize_t', 'intptr_t');
  koffi.struct('gnutls_datum_t', { data: 'void *', size: 'unsigned int' });
  const func = (declaration: string) => library.func(declaration);
  return {
    strerror: func('const char *gnutls_strerror(int code)'),
    errorIsFatal: func('int gnutls_error_is_fatal(int code)'),
    init: func('int gnutls_init(_Out_ void **session, unsigned int flags)'),
    deinit: func('void gnutls_deinit(void *session)'),
    credentialsAllocate: func('int gnutls_certificate_allocate_credentials(_Out_ void **credentials)'),
    credentialsFree: func('void gnutls_certificate_free_credentials(void *credentials)'),
    credentialsSet: func('int gnutls_credentials_set(void *session, int type, void *credentials)'),
    setRawPublicKey: func(
      'int gnutls_certificate_set_rawpk_key_mem(void *credentials, const gnutls_datum_t *spki, ' +
        'const gnutls_datum_t *pkey, int format, void *pass, unsigned int key_usage, void *names, ' +
        'unsigned int names_length, unsigned int flags)',
    ),
    priorityInit: func('int gnutls_priority_init(_Out_ void **priorities, const char *text, void *error_at)'),
    priorityDeinit: func('void gnutls_priority_deinit(void *priorities)'),
    prioritySet: func('int gnutls_priority_set(void *session, void *priorities)'),
    setRequest: func('void gnutls_certificate_server_set_request(void *session, int request)'),
    setErrno: func('void gnutls_transport_set_errno(void *session, int errno)'),
    setDescriptors: func('void gnutls_transport_set_int2(void *session, int receive, int send)'),
    direction: func('int gnutls_record_get_direction(void *session)'),
    setPush: func('void gnutls_transport_set_push_function(void *session, void *callback)'),
    setPull: func('void gnutls_transport_set_pull_function(void *session, void *callback)'),
    setPullTimeout: func('void gnutls_transport_set_pull_timeout_function(void *session, void *callback)'),
    setHandshakeTimeout: func('void gnutls_handshake_set_timeout(void *session, unsigned int ms)'),
    handshake: func('int gnutls_handshake(void *session)'),
    certificateType: func('int gnutls_certificate_type_get2(void *session, int target)'),
    peers: func('void *gnutls_certificate_get_peers(void *session, _Out_ unsigned int *count)'),
    recordReceive: func('ssize_t gnutls_record_recv(void *session, void *buffer, size_t bytes)'),
    recordSend: func('ssize_t gnutls_record_send(void *session, void *data, size_t bytes)'),
    bye: func('int gnutls_bye(void *session, int how)'),
    alertSendAppropriate: func('int gnutls_alert_send_appropriate(void *session, int error)'),
    alertGet: func('int gnutls_alert_get(void *session)'),
    alertName: func('const char *gnutls_alert_get_name(int alert)'),
    hash: func('int gnutls_hash_fast(int algorithm, void *data, size_t bytes, void *digest)'),
  };
}

function check(result: number, code: string, what: string): void {
  if (result < 0) throw new MandosError(code, `${what}: ${gnutls().strerror(result)}`);
}

/**
 * The bytes of one session on their way to and from the network. Called only while a function below is at work on
 * that session, since GnuTLS does nothing by itself.
 */
export interface Transport {
  /** Takes bytes to send; the address is valid during the call only. */
  push(address: bigint, bytes: number): void;
  /** Fills at most `bytes` bytes and returns how many: 0 at the end of the peer's stream, undefined for none yet. */
  pull(address: bigint, bytes: number): number | undefined;
}

/**
 * The session and transport that the running call works on. Calls are synchronous and never nest, so that one
 * variable does what `gnutls_transport_set_ptr` and a map would, and callbacks are registered once per process
 * (koffi has 8192 slots).
 */
let active: { readonly session: Session; readonly transport: Transport } | undefined;

/** Of a session that reads and writes a socket by itself. */
type MaybeTransport = Transport | undefined;

/** Fatal for the session, whatever the error: an exception must not pass through C. */
const EIO = 5;
const EAGAIN = 11;

function registerCallbacks(): { push: bigint; pull: bigint; ready: bigint } {
  const guarded = (work: (transport: Transport, session: Session) => number) => {
    if (!active) return -1;
    try {
      return work(active.transport, active.session);
    } catch {
      gnutls().setErrno(active.session, EIO);
      return -1;
    }
  };
  const push: Transfer = (_, data, bytes) =>
    guarded(transport => {
      transport.push(data, Number(bytes));
      return Number(bytes);
    });
  const pull: Transfer = (_, data, bytes) =>
    guarded((transport, session) => {
      const count = transport.pull(data, Number(bytes));
      if (count !== undefined) return count;
      gnutls().setErrno(session, EAGAIN);
      return -1;
    });
  // Asked only for timeouts of GnuTLS's own, which are switched off: there is always "something to read".
  const ready: Ready = () => 1;
  const transfer = koffi.pointer(koffi.proto('ssize_t transfer(void *transport, void *data, size_t bytes)'));
  return {
    push: koffi.register(push, transfer),
    pull: koffi.register(pull, transfer),
    ready: koffi.register(ready, koffi.pointer(koffi.proto('int ready(void *transport, unsigned int ms)'))),
  };
}

function during<T>(session: Session, transport: MaybeTransport, call: () => T): T {
  if (!transport) return call();
  active = { session, transport };
  try {
    return call();
  } finally {
    active = undefined;
  }
}

/**
 * Parses a priority string (gnutls_priority_init(3)).
 * @throws MandosError PRIORITY_STRING
 */
export function createPriorities(text: string): Priorities {
  const out: [Priorities | null] = [null];
  check(gnutls().priorityInit(out, text, null), 'PRIORITY_STRING', `GnuTLS priority string "${text}"`);
  return out[0] as Priorities;
}

export function freePriorities(priorities: Priorities): void {
  gnutls().priorityDeinit(priorities);
}

/**
 * Credentials for sessions: with a key pair those of the end that proves its key, else empty.
 * @param keyPair PEM: SubjectPublicKeyInfo and an unencrypted PKCS#8 or traditional private key; not kept
 * @throws MandosError TLS_KEY
 */
export function createCredentials(keyPair?: { publicKey: Uint8Array; privateKey: Uint8Array }): Credentials {
  const out: [Credentials | null] = [null];
  check(gnutls().credentialsAllocate(out), 'TLS_KEY', 'cannot allocate TLS credentials');
  const credentials = out[0] as Credentials;
  if (keyPair) {
    const datum = (data: Uint8Array): Datum => ({ data, size: data.length });
    const [publicKey, privateKey] = [datum(keyPair.publicKey), datum(keyPair.privateKey)];
    const result = gnutls().setRawPublicKey(
      credentials,
      publicKey,
      privateKey,
      X509_FMT_PEM,
      null,
      0,
      null,
      0,
      0,
    );
    if (result < 0) {
      gnutls().credentialsFree(credentials);
      check(result, 'TLS_KEY', 'GnuTLS does not accept the TLS key pair');
    }
  }
  return credentials;
}

export function freeCredentials(credentials: Credentials): void {
  gnutls().credentialsFree(credentials);
}

/**
 * A session that has not begun its handshake. Priorities and credentials must outlive it.
 * @param fd a connected, non-blocking socket that GnuTLS reads and writes; without it, bytes come and go by a Transport
 */
export function createSession(
  role: keyof typeof ROLE_FLAGS,
  priorities: Priorities,
  credentials: Credentials,
  fd?: number,
): Session {
  const lib = gnutls();
  const out: [Session | null] = [null];
  check(
    lib.init(out, ROLE_FLAGS[role] | NONBLOCK | NO_TICKETS | KEY_SHARE_TOP | ENABLE_RAWPK),
    'TLS_SESSION',
    'cannot start TLS',
  );
  const session = out[0] as Session;
  lib.prioritySet(session, priorities);
  lib.credentialsSet(session, CRD_CERTIFICATE, credentials);
  // The Mandos server, the TLS client, has no key of its own to show.
  if (role === 'server') lib.setRequest(session, CERT_IGNORE);
  if (fd === undefined) {
    callbacks ??= registerCallbacks();
    lib.setPush(session, callbacks.push);
    lib.setPull(session, callbacks.pull);
    lib.setPullTimeout(session, callbacks.ready);
  } else lib.setDescriptors(session, fd, fd);
  lib.setHandshakeTimeout(session, 0);
  return session;
}

/** Never to be called from within a Transport. */
export function freeSession(session: Session): void {
  gnutls().deinit(session);
}

/**
 * Carries the handshake on.
 * @returns 0 when it is complete, E_AGAIN when it needs more from the peer, else a fatal error
 */
export function handshake(session: Session, transport?: Transport): number {
  return during(session, transport, () => {
    for (;;) {
      const result = gnutls().handshake(session);
      if (result === E_AGAIN || result >= 0 || isFatal(result)) return result;
    }
  });
}

/** The next bytes of application data: their number, 0 at the peer's close_notify, or a negative error. */
export function receive(session: Session, transport: MaybeTransport, buffer: Uint8Array): number {
  return during(session, transport, () => {
    for (;;) {
      const result = Number(gnutls().recordReceive(session, buffer, buffer.length));
      if (result === E_AGAIN || result >= 0 || isFatal(result)) return result;
    }
  });
}

/** Encrypts all of `data` into the transport; 0 or a negative error. */
export function send(session: Session, transport: Transport, data: Uint8Array): number {
  return during(session, transport, () => {
    for (let sent = 0; sent < data.length;) {
      const result = Number(gnutls().recordSend(session, data.subarray(sent), data.length - sent));
      if (result >= 0) sent += result;
      else if (isFatal(result)) return result;
    }
    return 0;
  });
}

/**
 * Encrypts as much of `data` to the session's socket as that takes now.
 * @returns how many bytes; E_AGAIN for none, and then the same call must be made again; else a fatal error
 */
export function sendPart(session: Session, data: Uint8Array): number {
  for (;;) {
    const result = Number(gnutls().recordSend(session, data, data.length));
    if (result === E_AGAIN || result >= 0 || isFatal(result)) return result;
  }
}

/** Whether what was interrupted by E_AGAIN waits for the socket to take bytes, not to have some. */
export function waitsForWriting(session: Session): boolean {
  return gnutls().direction(session) === 1;
}

/** Says close_notify to the peer (RFC 8446 section 6.1) without waiting for the peer's. */
export function closeNotify(session: Session, transport?: Transport): void {
  during(session, transport, () => gnutls().bye(session, SHUT_WR));
}

/** Tells the peer why a handshake failed; GnuTLS sends no alert by itself. */
export function sendAlert(session: Session, transport: MaybeTransport, error: number): void {
  during(session, transport, () => gnutls().alertSendAppropriate(session, error));
}

/** What the peer's certificate is; GnuTLS completes handshakes with X.509 peers whatever the priority string says. */
export function peerCertificateType(session: Session): number {
  return gnutls().certificateType(session, CTYPE_PEERS);
}

/** Where the peer's first certificate (a SubjectPublicKeyInfo for raw public keys) lies while the session lives. */
export function peerCertificate(session: Session): { address: bigint; bytes: number } | undefined {
  const count: [number] = [0];
  const list = gnutls().peers(session, count);
  if (list === null || count[0] < 1) return undefined;
  const first = koffi.decode(list, 'gnutls_datum_t') as { data: bigint; size: number };
  return { address: first.data, bytes: first.size };
}

const DIG_SHA256 = 6;
const digest = Buffer.alloc(32);

/** SHA-256 of native memory, in lower-case hexadecimal; several times as fast as by node:crypto for a key. */
export function sha256(address: bigint, bytes: number): string {
  check(gnutls().hash(DIG_SHA256, address, bytes, digest), 'TLS_HASH', 'SHA-256');
  return digest.toString('hex');
}

/** An error in words, with the alert's name where the peer sent one. */
export function describeResult(session: Session, result: number): string {
  const text = gnutls().strerror(result).replace(/\.$/, '');
  if (result !== E_FATAL_ALERT_RECEIVED) return text;
  return `${text} "${gnutls().alertName(gnutls().alertGet(session)) ?? 'unknown'}"`;
}

function isFatal(result: number): boolean {
  return gnutls().errorIsFatal(result) !== 0;
}
