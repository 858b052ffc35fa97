import { isIPv4, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { OptionValues } from '../common/cli.js';
import { lastValue } from '../common/cli.js';
import type { ConfigFault } from '../common/config-fault.js';
import { quote, sortFaults } from '../common/config-fault.js';
import type { ConfigFile } from '../common/config-file.js';
import { DEFAULT_SECTION, parseConfigFile } from '../common/config-file.js';
import { describeError } from '../common/errors.js';
import { isLoopback } from '../common/ip-address.js';
import type { LogLevel } from '../common/log.js';
import { findLogLevel, LOG_LEVELS } from '../common/log.js';
import { SERVER_PRIORITY, SERVICE_NAME } from '../common/protocol.js';
import { createPriorities, freePriorities } from '../common/tls/gnutls.js';
import { DEFAULT_CONFIG_DIRECTORY, DEFAULT_STATE_DIRECTORY } from './command-line.js';
import type { ConfigFiles } from './config/files.js';
import { CONFIG_LIMIT_BYTES } from './config/files.js';
import type { ServerLimits } from './config/limits.js';
import { LIMIT_KEYS, readLimits } from './config/limits.js';
import { addressProblem, parseAddress } from './config/listen-address.js';
import { COMMAND_LINE, OptionSource, switchSetting, valueSetting } from './config/option-source.js';
import { pathFaults } from './config/path-faults.js';
import { unknownOptionFaults } from './config/unknown-options.js';
import type { Parsed } from './config/values.js';
import { parseNumber } from './config/values.js';

/** How the server is to run: mandos.conf(5) and the command line of mandos(8) together. */
export interface ServerOptions extends ServerLimits {
  /** Announce and listen on this interface only. */
  readonly interface: string | undefined;
  /** Listen on this address only: IPv6, or IPv4 when `useIpv6` is false; without a scope. */
  readonly address: string | undefined;
  /** 0 or undefined: one that the system chooses. */
  readonly port: number | undefined;
  /** An open file descriptor to accept connections from, instead of a new socket. */
  readonly socket: number | undefined;
  readonly debug: boolean;
  /** `debug` in debug mode, whatever `debuglevel` says. */
  readonly logLevel: LogLevel;
  /** Absolute path of the file that gets every verdict. */
  readonly auditLog: string | undefined;
  /** Absolute path of a command, or of a directory of commands, that hear of what happens. */
  readonly onEvent: string | undefined;
  /** Where metrics are served: a loopback address and port, or the absolute path of a socket. */
  readonly metrics: string | undefined;
  /** GnuTLS priority string. */
  readonly priority: string;
  readonly serviceName: string;
  readonly useDbus: boolean;
  readonly useIpv6: boolean;
  readonly restore: boolean;
  readonly stateDirectory: string;
  /** Always true in debug mode. */
  readonly foreground: boolean;
  /** Whether to announce the service: never on a loopback address. */
  readonly zeroconf: boolean;
  readonly configDirectory: string;
}

export const OPTIONS_FILE = 'mandos.conf';

/** A DNS label's bytes: an instance name of DNS-SD is one label (RFC 6763 section 4.1.1). */
const SERVICE_NAME_LIMIT_BYTES = 63;

const HIGHEST_PORT = 0xffff;
/** Descriptors are C's int. */
const HIGHEST_DESCRIPTOR = 0x7fff_ffff;

const SETTINGS = {
  interface: valueSetting<string | undefined>('interface', undefined, parseText),
  address: valueSetting<string | undefined>('address', undefined, parseAddress),
  port: valueSetting<number | undefined>('port', undefined, parsePort, true),
  socket: valueSetting<number | undefined>('socket', undefined, parseDescriptor, true),
  debug: switchSetting('debug', 'debug', false),
  debuglevel: valueSetting<LogLevel>('debuglevel', 'warning', parseLogLevel),
  audit_log: valueSetting<string | undefined>('audit_log', undefined, parseAbsolutePath),
  on_event: valueSetting<string | undefined>('on_event', undefined, parseAbsolutePath),
  metrics: valueSetting<string | undefined>('metrics', undefined, parseMetricsPlace),
  priority: valueSetting('priority', SERVER_PRIORITY, parsePriority),
  servicename: valueSetting('servicename', SERVICE_NAME, parseServiceName),
  use_dbus: switchSetting('use_dbus', 'no-dbus', true),
  use_ipv6: switchSetting('use_ipv6', 'no-ipv6', true),
  restore: switchSetting('restore', 'no-restore', true),
  statedir: valueSetting('statedir', DEFAULT_STATE_DIRECTORY, parseText),
  foreground: switchSetting('foreground', 'foreground', false),
  zeroconf: switchSetting('zeroconf', 'no-zeroconf', true),
};

export interface LoadedOptions {
  /** To be used only when no fault is an error. */
  readonly options: ServerOptions;
  readonly faults: readonly ConfigFault[];
}

/**
 * Puts together the command line and mandos.conf in the directory that it names. Never throws: everything that is
 * wrong is a fault.
 * @param values of the command line in command-line.ts
 */
export function loadOptions(values: OptionValues, files: ConfigFiles): LoadedOptions {
  const faults: ConfigFault[] = [];
  const report = (fault: ConfigFault) => void faults.push(fault);
  const configDirectory = readConfigDirectory(values, files, report);
  const config = readOptionsFile(join(configDirectory, OPTIONS_FILE), files, report);
  const source = new OptionSource(values, config, report);
  const zeroconf = source.read(SETTINGS.zeroconf);
  const port = source.read(SETTINGS.port);
  const socket = source.read(SETTINGS.socket);
  if (zeroconf.place && !zeroconf.value && !port.place && !socket.place) {
    const message = 'without Zeroconf a port or a socket is needed, where clients can be told to connect';
    report({ ...zeroconf.place, message, severity: 'error' });
  }
  const useIpv6 = source.read(SETTINGS.use_ipv6).value;
  const debug = source.read(SETTINGS.debug).value;
  const level = source.read(SETTINGS.debuglevel).value;
  const foreground = source.read(SETTINGS.foreground).value;
  const listening = readAddress(source, useIpv6, zeroconf.value, report);
  const announced = zeroconf.value && !(listening.address !== undefined && isLoopback(listening.address));
  const onEvent = source.read(SETTINGS.on_event);
  const metrics = source.read(SETTINGS.metrics);
  for (const fault of pathFaults(onEvent, metrics, files)) report(fault);
  const options: ServerOptions = {
    ...listening,
    port: port.value,
    socket: socket.value,
    debug,
    logLevel: debug ? 'debug' : level,
    auditLog: source.read(SETTINGS.audit_log).value,
    onEvent: onEvent.value,
    metrics: metrics.value,
    priority: source.read(SETTINGS.priority).value,
    serviceName: readServiceName(source, announced, report),
    useDbus: source.read(SETTINGS.use_dbus).value,
    useIpv6,
    restore: source.read(SETTINGS.restore).value,
    stateDirectory: source.read(SETTINGS.statedir).value,
    foreground: foreground || debug,
    zeroconf: announced,
    configDirectory,
    ...readLimits(source, report),
  };
  return { options, faults: sortFaults(faults) };
}

function readConfigDirectory(
  values: OptionValues,
  files: ConfigFiles,
  report: (fault: ConfigFault) => void,
): string {
  const given = lastValue(values, 'configdir') ?? '';
  if (given !== '' && !files.isDirectory(given)) {
    const message = `${quote(given)} is not a directory`;
    report({ file: COMMAND_LINE, key: '--configdir', message, severity: 'error' });
  }
  return given || DEFAULT_CONFIG_DIRECTORY;
}

/** @returns undefined for a file that does not exist, which is in order, or that cannot be read */
function readOptionsFile(
  path: string,
  files: ConfigFiles,
  report: (fault: ConfigFault) => void,
): ConfigFile | undefined {
  const content = files.read(path, CONFIG_LIMIT_BYTES);
  if (content.kind === 'unreadable') {
    report({ file: path, message: `cannot be read: ${content.reason}`, severity: 'error' });
  }
  if (content.kind !== 'read') return undefined;
  const config = parseConfigFile(content.bytes, path);
  config.faults.forEach(report);
  const known = [...Object.values(SETTINGS).map(setting => setting.key), ...Object.values(LIMIT_KEYS)];
  unknownOptionFaults([{ ...config, sections: [] }], known, 'the server').forEach(report);
  for (const { name, line } of config.sections) {
    const message = `is ignored: the server's options stand in [${DEFAULT_SECTION}]`;
    report({ file: path, line, section: name, message, severity: 'warning' });
  }
  return config;
}

function readAddress(
  source: OptionSource,
  useIpv6: boolean,
  zeroconf: boolean,
  report: (fault: ConfigFault) => void,
): Pick<ServerOptions, 'address' | 'interface'> {
  const interfaceName = source.read(SETTINGS.interface).value;
  const { value, place } = source.read(SETTINGS.address);
  if (value === undefined || !place) return { address: undefined, interface: interfaceName };
  // An address with a scope (fe80::1%eth0, RFC 4007 section 11) says what the option interface says.
  const [address = '', scope] = value.split('%');
  const problem = addressProblem(address, useIpv6, interfaceName, scope);
  if (problem !== undefined) report({ ...place, message: problem, severity: 'error' });
  else if (zeroconf && isLoopback(address)) {
    const message = `${address} is a loopback address: no other machine can reach it, so it is not announced`;
    report({ ...place, message, severity: 'warning' });
  }
  return { address, interface: interfaceName ?? scope };
}

function readServiceName(
  source: OptionSource,
  announced: boolean,
  report: (fault: ConfigFault) => void,
): string {
  const { value, place } = source.read(SETTINGS.servicename);
  if (announced && place && value.includes('.')) {
    const message = `${quote(value)} has dots, which become dashes where Avahi does not run`;
    report({ ...place, message, severity: 'warning' });
  }
  return value;
}

function parseText(text: string): Parsed<string> {
  return { value: text };
}

/** The server's working directory is "/", so that another path would not mean what it says. */
function parseAbsolutePath(text: string): Parsed<string> {
  if (text.startsWith('/')) return { value: text };
  return { problem: `${quote(text)} is not an absolute path (begin it with "/")` };
}

/** Anybody who can reach it sees the names of the clients: so it is not for other hosts. */
function parseMetricsPlace(text: string): Parsed<string> {
  if (text.startsWith('/')) return { value: text };
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  const isAddress = bracketed === undefined ? isIPv4(address) : isIPv6(address);
  if (isAddress && isLoopback(address) && Number(port) <= HIGHEST_PORT) return { value: text };
  return {
    problem: `${quote(text)} is no place for metrics (allowed: 127.0.0.1:PORT, [::1]:PORT, or the path of a socket)`,
  };
}

function parsePort(text: string): Parsed<number> {
  return parseNumber(text, 0, HIGHEST_PORT, 'a port number', '; 0 for one that the system chooses');
}

function parseDescriptor(text: string): Parsed<number> {
  return parseNumber(text, 0, HIGHEST_DESCRIPTOR, 'the number of a file descriptor');
}

function parseLogLevel(text: string): Parsed<LogLevel> {
  const value = findLogLevel(text);
  if (value !== undefined) return { value };
  const allowed = LOG_LEVELS.map(level => level.toUpperCase()).join(', ');
  return { problem: `${quote(text)} is not a log level (allowed: ${allowed})` };
}

function parseServiceName(text: string): Parsed<string> {
  const bytes = Buffer.byteLength(text);
  if (bytes <= SERVICE_NAME_LIMIT_BYTES) return { value: text };
  return { problem: `has ${bytes} bytes in UTF-8 (allowed: up to ${SERVICE_NAME_LIMIT_BYTES})` };
}

function parsePriority(text: string): Parsed<string> {
  try {
    freePriorities(createPriorities(text));
    return { value: text };
  } catch (error) {
    return { problem: describeError(error) };
  }
}
