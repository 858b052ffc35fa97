import type { Variant } from './decode.js';
import { DbusFault } from './errors.js';
import { fitValue } from './fit-value.js';
import type { DbusInterface, Property, ServedObject } from './interface-table.js';
import { compile } from './interface-table.js';
import type { IncomingCall } from './served-calls.js';

/**
 * The property of an object.
 * @param interfaceName '' for the first interface that has the property
 * @throws DbusFault UnknownInterface, UnknownProperty, AccessDenied for one that can only be written
 */
export function getProperty(object: ServedObject, interfaceName: string, name: string): Variant {
  const property = findProperty(object, interfaceName, name);
  if (!property.get) throw new DbusFault('AccessDenied', `the property ${name} cannot be read`);
  return { signature: property.type, value: property.get(object.target) };
}

/**
 * All properties that can be read.
 * @param interfaceName '' for all interfaces; of those that share a name, the first one counts
 * @throws DbusFault UnknownInterface
 */
export function getAllProperties(object: ServedObject, interfaceName: string): Map<string, Variant> {
  const values = new Map<string, Variant>();
  for (const table of chosen(object, interfaceName)) {
    for (const [name, property] of compile(table).properties) {
      if (property.get && !values.has(name))
        values.set(name, { signature: property.type, value: property.get(object.target) });
    }
  }
  return values;
}

/** @throws DbusFault UnknownInterface, UnknownProperty, PropertyReadOnly, InvalidArgs; or what the property's throws */
export async function setProperty(
  object: ServedObject,
  interfaceName: string,
  name: string,
  { signature, value }: Variant,
  call: IncomingCall,
): Promise<void> {
  const property = findProperty(object, interfaceName, name);
  if (!property.set) throw new DbusFault('PropertyReadOnly', `the property ${name} cannot be set`);
  const fitting = fitValue(`the property ${name}`, signature, value, property.type);
  await property.set(object.target, fitting, call);
}

function findProperty(object: ServedObject, interfaceName: string, name: string): Property<unknown> {
  for (const table of chosen(object, interfaceName)) {
    const property = compile(table).properties.get(name);
    if (property) return property;
  }
  throw new DbusFault('UnknownProperty', `there is no property "${name}"`);
}

function chosen({ interfaces }: ServedObject, name: string): readonly DbusInterface<unknown>[] {
  if (name === '') return interfaces;
  const table = interfaces.find(one => one.name === name);
  if (!table) throw new DbusFault('UnknownInterface', `there is no interface "${name}" with properties`);
  return [table];
}
