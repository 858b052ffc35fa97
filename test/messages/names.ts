import type { Node } from './syntax.js';
import { child, walk } from './syntax.js';
import { textsOf } from './texts.js';

/** Levels at which messages are documented. */
export const LEVELS: ReadonlySet<string> = new Set(['critical', 'error', 'warning', 'info']);

export function isFunction(node: Node): boolean {
  return ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(node.type);
}

/** The name under which a function is called. */
export function functionName(node: Node, parent: Node | undefined): string {
  return nameOf(child(node, 'id')) || nameOf(child(parent, 'key')) || nameOf(child(parent, 'id'));
}

export function calleeName(call: Node): string {
  const callee = child(call, 'callee');
  return nameOf(callee?.type === 'MemberExpression' ? child(callee, 'property') : callee);
}

/** The name of an identifier or of a private member. */
export function nameOf(node: Node | undefined): string {
  if (node?.type === 'Identifier') return String(node['name']);
  return node?.type === 'PrivateIdentifier' ? `#${String(node['name'])}` : '';
}

/** Whether a member is one of a log, by its name. */
export function isLog(member: Node): boolean {
  const object = child(member, 'object');
  const last = object?.type === 'MemberExpression' ? child(object, 'property') : object;
  return /^#?log$/i.test(last?.type === 'CallExpression' ? calleeName(last) : nameOf(last));
}

/** The levels at which this call says something, if it is one of a log. */
export function logLevels(call: Node): string[] {
  const callee = child(call, 'callee');
  if (callee?.type !== 'MemberExpression') return [];
  const property = child(callee, 'property');
  // log[isBad ? 'warning' : 'info'](…)
  if (callee['computed'] === true && property && isLog(callee))
    return textsOf(property).filter(each => LEVELS.has(each));
  const name = nameOf(property);
  return LEVELS.has(name) && (isLog(callee) || name === 'critical' || name === 'warning') ? [name] : [];
}

export function declares(fn: Node, name: string): boolean {
  let found = false;
  walk(fn, (node, above) => {
    if (node !== fn && above.some(each => each !== fn && isFunction(each))) return;
    if (node.type === 'VariableDeclarator' && nameOf(child(node, 'id')) === name) found = true;
  });
  return found;
}
