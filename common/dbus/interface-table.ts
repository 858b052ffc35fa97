import { Encoder } from './encode.js';
import type { EncodedBody } from './message.js';
import type { IncomingCall } from './served-calls.js';
import type { Type } from './signature.js';
import { parseType } from './signature.js';

/** Names of arguments and their types, each of one complete type, in their order. */
export type ArgumentTypes = Readonly<Record<string, string>>;

/** What a served method returns: a value for each of `out`, or these encoded; undefined: none. */
export type MethodResult = readonly unknown[] | EncodedBody | undefined;

export interface Method<Target> {
  readonly in?: ArgumentTypes;
  readonly out?: ArgumentTypes;
  readonly deprecated?: boolean;
  /**
   * @param args what the caller sent, of the types of `in`; integers are of the declared type whichever was sent
   * @throws DbusFault for the caller to see
   */
  call(target: Target, args: readonly unknown[], call: IncomingCall): MethodResult | Promise<MethodResult>;
}

export interface SignalTable {
  readonly args?: ArgumentTypes;
  readonly deprecated?: boolean;
}

/** Without `get` it can only be written, without `set` only read. */
export interface Property<Target> {
  readonly type: string;
  /** What a change is told of (the annotation EmitsChangedSignal); default: its new value. */
  readonly emitsChanged?: 'invalidates' | 'const' | 'false';
  readonly deprecated?: boolean;
  get?(target: Target): unknown;
  /**
   * @param value of the property's type, as in Method.call. Byte arrays belong to the message
   * @throws DbusFault for the caller to see
   */
  set?(target: Target, value: unknown, call: IncomingCall): void | Promise<void>;
}

/** An interface: what all objects that have it can do. */
export interface DbusInterface<Target> {
  readonly name: string;
  readonly deprecated?: boolean;
  readonly methods?: Readonly<Record<string, Method<Target>>>;
  readonly signals?: Readonly<Record<string, SignalTable>>;
  readonly properties?: Readonly<Record<string, Property<Target>>>;
}

/** The same interface under another name. */
export function renamed<Target>(
  table: DbusInterface<Target>,
  name: string,
  { deprecated = false } = {},
): DbusInterface<Target> {
  return { ...table, name, deprecated };
}

/** An object as it is found when it is needed: nothing is kept for it. */
export interface ServedObject {
  readonly interfaces: readonly DbusInterface<unknown>[];
  readonly target: unknown;
}

/** @param target what the functions of the interfaces are given */
export function servedObject<Target>(
  interfaces: readonly DbusInterface<Target>[],
  target: Target,
): ServedObject {
  return { interfaces, target };
}

/** A table made ready: names that come from outside are looked up in maps. */
export interface CompiledInterface {
  readonly methods: ReadonlyMap<string, CompiledMethod>;
  /** Signatures by name. */
  readonly signals: ReadonlyMap<string, string>;
  readonly properties: ReadonlyMap<string, Property<unknown>>;
  readonly readable: readonly ReadableProperty[];
}

export interface CompiledMethod {
  readonly method: Method<unknown>;
  readonly inTypes: readonly string[];
  readonly outSignature: string;
}

export interface ReadableProperty {
  readonly property: Property<unknown>;
  readonly type: Type;
  /** Its name and the signature of its variant, as they stand in a dictionary. */
  readonly head: Buffer;
}

const compiled = new WeakMap<DbusInterface<unknown>, CompiledInterface>();

export function compile(table: DbusInterface<unknown>): CompiledInterface {
  let result = compiled.get(table);
  if (!result) {
    result = {
      methods: mapOf(table.methods, method => ({
        method,
        inTypes: Object.values(method.in ?? {}),
        outSignature: signatureOf(method.out),
      })),
      signals: mapOf(table.signals, ({ args }) => signatureOf(args)),
      properties: mapOf(table.properties, property => property),
      readable: Object.entries(table.properties ?? {})
        .filter(([, property]) => property.get !== undefined)
        .map(([name, property]) => ({
          property,
          type: parseType(property.type),
          head: headOf(name, property),
        })),
    };
    compiled.set(table, result);
  }
  return result;
}

function mapOf<From, To>(
  record: Readonly<Record<string, From>> | undefined,
  make: (value: From) => To,
): Map<string, To> {
  return new Map(Object.entries(record ?? {}).map(([name, value]) => [name, make(value)]));
}

function signatureOf(types: ArgumentTypes = {}): string {
  return Object.values(types).join('');
}

function headOf(name: string, { type }: Property<unknown>): Buffer {
  const encoder = new Encoder();
  encoder.text(name);
  encoder.value(parseType('g'), type, 0);
  return encoder.bytes;
}
