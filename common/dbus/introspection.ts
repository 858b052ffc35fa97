import type { ArgumentTypes, DbusInterface, Property } from './interface-table.js';

/** Of the D-Bus specification ("Introspection Data Format"). */
const DOCTYPE = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`;
const DEPRECATED = 'org.freedesktop.DBus.Deprecated';
const EMITS_CHANGED = 'org.freedesktop.DBus.Property.EmitsChangedSignal';

/**
 * Describes an object in XML.
 * @param children names of the nodes directly beneath
 */
export function introspectionXml(
  interfaces: readonly DbusInterface<never>[],
  children: Iterable<string>,
): string {
  const nodes = Array.from(children, name => `  <node name="${name}"/>\n`);
  return `${DOCTYPE}<node>\n${interfaces.map(interfaceXml).join('')}${nodes.join('')}</node>\n`;
}

function interfaceXml({ name, deprecated, methods, signals, properties }: DbusInterface<never>): string {
  const members = [
    ...Object.entries(methods ?? {}).map(([member, method]) =>
      element('    ', 'method', { name: member }, [
        ...argumentsXml(method.in, { direction: 'in' }),
        ...argumentsXml(method.out, { direction: 'out' }),
        ...deprecation('      ', method.deprecated),
      ]),
    ),
    ...Object.entries(signals ?? {}).map(([member, signal]) =>
      element('    ', 'signal', { name: member }, [
        ...argumentsXml(signal.args),
        ...deprecation('      ', signal.deprecated),
      ]),
    ),
    ...Object.entries(properties ?? {}).map(([member, property]) => propertyXml(member, property)),
    ...deprecation('    ', deprecated),
  ];
  return element('  ', 'interface', { name }, members);
}

function propertyXml(name: string, property: Property<never>): string {
  const access = `${property.get ? 'read' : ''}${property.set ? 'write' : ''}`;
  return element('    ', 'property', { name, type: property.type, access }, [
    ...(property.emitsChanged === undefined
      ? []
      : [annotation('      ', EMITS_CHANGED, property.emitsChanged)]),
    ...deprecation('      ', property.deprecated),
  ]);
}

function argumentsXml(types: ArgumentTypes = {}, attributes: { direction?: string } = {}): string[] {
  return Object.entries(types).map(([name, type]) =>
    element('      ', 'arg', { name, type, ...attributes }, []),
  );
}

function deprecation(indent: string, deprecated = false): string[] {
  return deprecated ? [annotation(indent, DEPRECATED, 'true')] : [];
}

function annotation(indent: string, name: string, value: string): string {
  return element(indent, 'annotation', { name, value }, []);
}

/** Names, types and values have no character that XML wants escaped. */
function element(
  indent: string,
  tag: string,
  attributes: Readonly<Record<string, string>>,
  content: readonly string[],
): string {
  const start = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  const open = `${indent}<${tag}${start.join('')}`;
  return content.length === 0 ? `${open}/>\n` : `${open}>\n${content.join('')}${indent}</${tag}>\n`;
}
