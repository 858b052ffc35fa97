/**
 * What the D-Bus specification ("Valid Names", "Valid Object Paths") allows. The bus ends the connection of who sends
 * it anything else.
 */
const NAME_LIMIT = 255;
const OBJECT_PATH = /^\/(?:\w+(?:\/\w+)*)?$/;
const INTERFACE = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/;
const MEMBER = /^[A-Za-z_]\w*$/;
const BUS_NAME = /^(?::[\w-]+(?:\.[\w-]+)+|[A-Za-z_-][\w-]*(?:\.[A-Za-z_-][\w-]*)+)$/;

export function isObjectPath(text: string): boolean {
  return OBJECT_PATH.test(text);
}

/** Of an interface, or of an error. */
export function isInterfaceName(text: string): boolean {
  return text.length <= NAME_LIMIT && INTERFACE.test(text);
}

/** Of a method, or of a signal. */
export function isMemberName(text: string): boolean {
  return text.length <= NAME_LIMIT && MEMBER.test(text);
}

/** Unique (`:1.7`) or well-known. */
export function isBusName(text: string): boolean {
  return text.length <= NAME_LIMIT && BUS_NAME.test(text);
}
