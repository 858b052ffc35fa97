import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Bus } from './bus.js';
import { CallsInHand } from './calls-in-hand.js';
import { Encoder } from './encode.js';
import { encodeInterfaces, encodeObjects, encodeProperties } from './encode-objects.js';
import { DbusFault } from './errors.js';
import { fitArguments } from './fit-value.js';
import type { CompiledMethod, DbusInterface, ServedObject } from './interface-table.js';
import { compile } from './interface-table.js';
import { introspectionXml } from './introspection.js';
import type { Arguments } from './message.js';
import { EncodedBody } from './message.js';
import { getAllProperties, getProperty, setProperty } from './properties.js';
import type { IncomingCall } from './served-calls.js';
import type { StandardTarget } from './standard-interfaces.js';
import { INTROSPECTABLE, OBJECT_MANAGER, PEER, PROPERTIES } from './standard-interfaces.js';

/** The objects of a program, which are looked up and not kept: there may be 100,000. */
export interface ObjectTree {
  /** @returns undefined for a path that has no object */
  find(path: string): ServedObject | undefined;
  /** Names of the nodes directly beneath a path, whether they are objects or lead to some: for introspection. */
  children(path: string): Iterable<string>;
  /**
   * Paths of the objects beneath `/`, which is the object manager. It is gone through over many turns of the event
   * loop, so that it must bear changes as a Map's keys do.
   */
  managed(): Iterable<string>;
}

export interface ObjectServer {
  /** Sends a signal of an interface. @throws MandosError DBUS_VALUE when its arguments do not fit */
  signal(path: string, table: DbusInterface<never>, member: string, ...body: readonly unknown[]): void;
  /** Sends PropertiesChanged for a property as its annotation has it: with the value, without, or not at all. */
  changed(path: string, table: DbusInterface<never>, property: string): void;
  /** Sends InterfacesAdded for an object that can be found now. */
  added(path: string): void;
  /** Sends InterfacesRemoved. @param object what was found there before */
  removed(path: string, object: ServedObject): void;
  /**
   * The properties of one interface of many objects, `a{oa{sv}}`, for a method to return. Only one such reply, or one
   * to GetManagedObjects, is in memory at a time.
   * @throws MandosError DBUS_TOO_LONG when it is more than a bus relays
   */
  allProperties(paths: Iterable<string>, interfaceName: string): Promise<EncodedBody>;
}

/** machine-id(5), and where D-Bus has it on systems without systemd. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/**
 * Serves objects on a bus, until it is gone. Names are for the caller to request, when all is ready.
 * @param maxCalls how many calls may be in hand at once, as it is now; see CallsInHand. Default: what the connection
 *   allows, which is never exceeded
 */
export function serveObjects(
  bus: Bus,
  tree: ObjectTree,
  maxCalls: () => number = () => Infinity,
): ObjectServer {
  const server = new Objects(bus, tree);
  const inHand = new CallsInHand(maxCalls);
  bus.serve(async call => {
    const done = inHand.take(call.sender);
    try {
      return await server.answer(call);
    } finally {
      done();
    }
  });
  return server;
}

class Objects implements ObjectServer {
  readonly #bus: Bus;
  readonly #tree: ObjectTree;
  /** One long reply after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(bus: Bus, tree: ObjectTree) {
    this.#bus = bus;
    this.#tree = tree;
  }

  /** @throws DbusFault as the D-Bus specification has it, or as the method does */
  async answer(call: IncomingCall): Promise<Arguments> {
    const { path, member } = call;
    const object = this.#tree.find(path);
    if (!object && !leadsAnywhere(this.#tree.children(path)))
      throw new DbusFault('UnknownObject', `there is no object "${path}"`);
    const target: StandardTarget = this.#standardTarget(path, object);
    const [{ method, inTypes, outSignature }, own] = findMethod(call, object, standardOf(path, object));
    const args = fitArguments(member, call.signature, call.body(), inTypes);
    const body = (await method.call(own ? object?.target : target, args, call)) ?? [];
    return { signature: outSignature, body };
  }

  signal(path: string, table: DbusInterface<never>, member: string, ...body: readonly unknown[]): void {
    const signature = compile(table).signals.get(member);
    if (signature === undefined) throw new TypeError(`${table.name} has no signal ${member}`);
    this.#bus.emit({ path, interface: table.name, member, signature, body });
  }

  changed(path: string, table: DbusInterface<never>, name: string): void {
    const object = this.#tree.find(path);
    const property = compile(table).properties.get(name);
    if (!property) throw new TypeError(`${table.name} has no property ${name}`);
    const { type, emitsChanged } = property;
    if (!object || emitsChanged === 'const' || emitsChanged === 'false') return;
    const values = new Map<string, unknown>();
    if (property.get && emitsChanged === undefined)
      values.set(name, { signature: type, value: property.get(object.target) });
    const invalidated = values.size === 0 ? [name] : [];
    this.signal(path, PROPERTIES, 'PropertiesChanged', table.name, values, invalidated);
  }

  added(path: string): void {
    const object = this.#tree.find(path);
    if (!object) return;
    const encoder = new Encoder();
    encoder.values('o', [path]);
    encodeInterfaces(encoder, MANAGED, object);
    this.#bus.emit({
      path: '/',
      interface: OBJECT_MANAGER.name,
      member: 'InterfacesAdded',
      signature: 'oa{sa{sv}}',
      body: new EncodedBody([encoder.bytes]),
    });
  }

  removed(path: string, object: ServedObject): void {
    const names = [...MANAGED, ...object.interfaces].map(({ name }) => name);
    this.signal('/', OBJECT_MANAGER, 'InterfacesRemoved', path, names);
  }

  async allProperties(paths: Iterable<string>, interfaceName: string): Promise<EncodedBody> {
    return await this.#inTurn(paths, (encoder, { interfaces, target }) => {
      const table = interfaces.find(({ name }) => name === interfaceName);
      if (!table) throw new TypeError(`an object has no interface ${interfaceName}`);
      encodeProperties(encoder, table, target);
    });
  }

  #standardTarget(path: string, object: ServedObject | undefined): StandardTarget {
    const own = object ?? { interfaces: [], target: undefined };
    const standard = standardOf(path, object);
    return {
      introspect: () => introspectionXml([...standard, ...own.interfaces], this.#tree.children(path)),
      machineId,
      get: (name, property) => getProperty(own, name, property),
      getAll: name => getAllProperties(own, name),
      set: async (name, property, value, call) => await setProperty(own, name, property, value, call),
      managedObjects: async () =>
        await this.#inTurn(this.#tree.managed(), (encoder, one) => encodeInterfaces(encoder, MANAGED, one)),
    };
  }

  /** Encodes a long reply when those before have left the process. */
  async #inTurn(
    paths: Iterable<string>,
    encodeValue: (encoder: Encoder, object: ServedObject) => void,
  ): Promise<EncodedBody> {
    const before = this.#turn;
    const encoded = (async () => {
      await before;
      // What was encoded before is sent by now.
      await nextTurn();
      await this.#bus.flushed();
      return await encodeObjects(paths, path => this.#tree.find(path), encodeValue);
    })();
    this.#turn = encoded.catch(() => {});
    return await encoded;
  }
}

/** The standard interfaces that the object manager tells of, of each object. */
const MANAGED = [INTROSPECTABLE, PROPERTIES];

/** The interfaces of a node beside its own: those with properties can be asked for them, `/` is the object manager. */
function standardOf(
  path: string,
  object: ServedObject | undefined,
): readonly DbusInterface<StandardTarget>[] {
  const properties = object?.interfaces.some(table => table.properties) === true;
  return [
    INTROSPECTABLE,
    ...(properties ? [PROPERTIES] : []),
    ...(path === '/' ? [OBJECT_MANAGER] : []),
    PEER,
  ];
}

/**
 * @returns the method, and whether it is of the object's own interfaces rather than a standard one
 * @throws DbusFault UnknownInterface, UnknownMethod
 */
function findMethod(
  { interface: name = '', member }: IncomingCall,
  object: ServedObject | undefined,
  standard: readonly DbusInterface<StandardTarget>[],
): [method: CompiledMethod, own: boolean] {
  const own = object?.interfaces ?? [];
  let known = name === '';
  for (const table of [...own, ...standard]) {
    if (name !== '' && table.name !== name) continue;
    known = true;
    const method = compile(table).methods.get(member);
    if (method) return [method, own.includes(table)];
  }
  if (!known) throw new DbusFault('UnknownInterface', `there is no interface "${name}"`);
  throw new DbusFault('UnknownMethod', `there is no method "${member}"${name && ` in ${name}`}`);
}

function leadsAnywhere(children: Iterable<string>): boolean {
  for (const _ of children) return true;
  return false;
}

function machineId(): string {
  for (const file of MACHINE_ID_FILES) {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      // Perhaps the other one.
    }
  }
  throw new DbusFault('FileNotFound', `this machine has no ${MACHINE_ID_FILES[0]}`);
}
