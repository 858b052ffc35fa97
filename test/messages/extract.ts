import { dirname, join } from 'node:path';
import type { Node, Source } from './syntax.js';
import { child, children, isNode, walk } from './syntax.js';

/**
 * What becomes of a text: a level of the log; the code of an error; `fault`, something wrong in a configuration; or
 * `reason`, a part of other messages.
 */
export type Use = string;

export interface Message {
  /** The text, with `…` for each part that is not known before. */
  readonly pattern: string;
  readonly use: Use;
  readonly file: string;
}

/** Levels at which messages are documented. */
const LEVELS = new Set(['critical', 'error', 'warning', 'info']);
/** Errors without a code of their own, by the place of their text. */
const TEXT_AT: Readonly<Record<string, number>> = {
  Error: 0,
  RangeError: 0,
  TypeError: 0,
  DamagedFileError: 0,
  ExpansionFault: 0,
};
/** Errors that are made with a code and a text. */
const CODED = new Set(['MandosError', 'TlsError', 'ServerUnavailable', 'DbusFault']);
/** In capitals, or the name of a D-Bus error. */
const CODE = /^(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*|[A-Z][a-z]+(?:[A-Z][a-z]+)*)$/;
/** Fields that carry a text for people to where it is said. */
const TEXT_FIELDS = new Set(['message', 'problem', 'problems', 'reason', 'why']);
/** Functions that hand on their argument. */
const TRANSPARENT = new Set(['printable', 'String', 'resolve', 'withCommentHint', 'flat', 'filter']);
/** Methods of this name are not taken for one of ours where the object is not known. */
const COMMON_NAMES = new Set([
  'add',
  'set',
  'get',
  'write',
  'end',
  'close',
  'push',
  'then',
  'map',
  'error',
  'has',
]);

/** Shorter parts are understood where they stand. */
const PART_WORDS = 3;

interface Place {
  readonly source: Source;
  /** Nodes above, the nearest last. */
  readonly above: readonly Node[];
}

interface Fn extends Place {
  readonly name: string;
  readonly node: Node;
}

export interface Extracted {
  readonly messages: readonly Message[];
  /** Of errors and refusals, and the names of D-Bus errors. */
  readonly codes: ReadonlySet<string>;
}

/** All messages and codes of these sources. */
export function extractMessages(sources: readonly Source[]): Extracted {
  return new Extraction(sources).run();
}

/** Follows texts from where they are said back to where they are written, through variables and functions. */
class Extraction {
  readonly #sources: readonly Source[];
  readonly #functions = new Map<string, Fn[]>();
  readonly #byNode = new Map<Node, Fn>();
  readonly #calls = new Map<string, (Place & { readonly node: Node })[]>();
  readonly #imports = new Map<string, string>();
  readonly #messages = new Map<string, Message>();
  readonly #allCodes = new Set<string>();
  readonly #done = new Map<Node, Set<Use>>();
  readonly #doneParameters = new Map<Node, Set<string>>();

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  run(): Extracted {
    for (const source of this.#sources)
      walk(source.tree, (node, above) => this.#index(node, [...above], source));
    for (const source of this.#sources)
      walk(source.tree, (node, above) => this.#begin(node, [...above], source));
    return { messages: [...this.#messages.values()], codes: this.#allCodes };
  }

  #index(node: Node, above: readonly Node[], source: Source): void {
    const place = { source, above };
    if (isFunction(node)) {
      const fn = { ...place, node, name: functionName(node, above.at(-1)) };
      this.#byNode.set(node, fn);
      const known = this.#functions.get(fn.name);
      if (known) known.push(fn);
      else this.#functions.set(fn.name, [fn]);
    } else if (node.type === 'CallExpression') {
      const name = calleeName(node);
      const known = this.#calls.get(name);
      if (known) known.push({ ...place, node });
      else this.#calls.set(name, [{ ...place, node }]);
    } else if (node.type === 'ImportDeclaration') {
      const from = String(child(node, 'source')?.['value']);
      if (!from.startsWith('.')) return;
      const file = join(dirname(source.file), from).replace(/\.js$/, '.ts');
      for (const specifier of children(node, 'specifiers')) {
        this.#imports.set(`${source.file} ${nameOf(child(specifier, 'local'))}`, file);
      }
    }
  }

  #begin(node: Node, above: readonly Node[], source: Source): void {
    const place = { source, above };
    const args = children(node, 'arguments');
    if (node.type === 'CallExpression') {
      // A kind of error with one code.
      if (child(node, 'callee')?.type === 'Super' && args[0]?.type === 'Literal') {
        const code = String(args[0]['value']);
        if (CODE.test(code)) this.#allCodes.add(code);
      }
      for (const level of logLevels(node)) this.#follow(args[0], level, place);
      this.#followAtGivenLevel(node, place);
    } else if (node.type === 'NewExpression') {
      const name = nameOf(child(node, 'callee'));
      if (CODED.has(name)) {
        const codes = this.#codes(args[0], place).filter(code => CODE.test(code));
        for (const code of codes) this.#allCodes.add(code);
        for (const use of codes.length > 0 ? codes : ['reason']) this.#follow(args[1], use, place);
      } else if (name === 'UsageError') this.#follow(args[0], 'USAGE', place);
      else if (name in TEXT_AT) this.#follow(args[TEXT_AT[name] ?? 0], 'reason', place);
    } else if (node.type === 'TSTypeAliasDeclaration' && nameOf(child(node, 'id')).endsWith('Code')) {
      this.#takeUnion(child(node, 'typeAnnotation'));
    } else if (node.type === 'TSPropertySignature' && nameOf(child(node, 'key')) === 'code') {
      this.#takeUnion(child(child(node, 'typeAnnotation'), 'typeAnnotation'));
    } else if (node.type === 'Property' && TEXT_FIELDS.has(nameOf(child(node, 'key')))) {
      const object = above.at(-1);
      if (object?.type !== 'ObjectExpression') return;
      const isFault = children(object, 'properties').some(
        ({ key }) => isNode(key) && nameOf(key) === 'severity',
      );
      this.#follow(child(node, 'value'), isFault ? 'fault' : 'reason', place);
    }
  }

  /** `log[level](…)` in a function that is given the level: its callers give the text as well. */
  #followAtGivenLevel(call: Node, place: Place): void {
    const callee = child(call, 'callee');
    if (callee?.type !== 'MemberExpression' || callee['computed'] !== true || !isLog(callee)) return;
    const level = this.#parameter(nameOf(child(callee, 'property')), place);
    if (!level) return;
    for (const caller of this.#callsOf(level.fn)) {
      const args = children(caller.node, 'arguments');
      const given = args[level.index];
      for (const use of given ? textsOf(given).filter(each => LEVELS.has(each)) : []) {
        for (const arg of args) if (arg !== given) this.#follow(arg, use, caller);
      }
    }
  }

  /** Codes that are a type. */
  #takeUnion(union: Node | undefined): void {
    for (const type of children(union, 'types')) {
      const value = child(type, 'literal')?.['value'];
      if (typeof value === 'string') this.#allCodes.add(value);
    }
  }

  /** The codes that an expression can be: a word in capitals or the name of a D-Bus error. */
  #codes(node: Node | undefined, place: Place): string[] {
    if (node?.type === 'Literal') return [String(node['value'])];
    if (node?.type === 'ConditionalExpression') {
      return [
        ...this.#codes(child(node, 'consequent'), place),
        ...this.#codes(child(node, 'alternate'), place),
      ];
    }
    const found = node?.type === 'Identifier' ? this.#parameter(nameOf(node), place) : undefined;
    if (!found) return ['reason'];
    const codes = this.#callsOf(found.fn).flatMap(call => {
      const arg = children(call.node, 'arguments')[found.index];
      return arg ? this.#codes(arg, call) : [];
    });
    return codes.length > 0 ? [...new Set(codes)] : ['reason'];
  }

  /** Takes down what the expression can say. */
  #follow(node: Node | undefined, use: Use, place: Place): void {
    if (!node) return;
    const uses = this.#done.get(node) ?? new Set();
    if (uses.has(use)) return;
    this.#done.set(node, uses.add(use));
    const go = (...nodes: (Node | undefined)[]) => nodes.forEach(next => this.#follow(next, use, place));
    switch (node.type) {
      case 'Literal':
      case 'BinaryExpression':
        return textsOf(node).forEach(text => this.#take(text, use, place));
      case 'TemplateLiteral':
        textsOf(node).forEach(text => this.#take(text, use, place));
        return children(node, 'expressions').forEach(part => this.#follow(part, 'reason', place));
      case 'ConditionalExpression':
        return go(child(node, 'consequent'), child(node, 'alternate'));
      case 'LogicalExpression':
        return go(child(node, 'left'), child(node, 'right'));
      case 'AwaitExpression':
        return go(child(node, 'argument'));
      case 'TSAsExpression':
      case 'TSNonNullExpression':
      case 'ChainExpression':
      case 'SpreadElement':
        return go(child(node, 'expression'), child(node, 'argument'));
      case 'ArrayExpression':
        return go(...children(node, 'elements'));
      case 'ObjectExpression': {
        // A table of texts.
        const values = children(node, 'properties').map(property => child(property, 'value'));
        return go(...values.filter(value => value?.type === 'Literal' || value?.type === 'TemplateLiteral'));
      }
      case 'MemberExpression':
        // A table's entry; what a field holds is found where the field is made.
        return node['computed'] === true ? go(child(node, 'object')) : undefined;
      case 'CallExpression':
        return this.#followCall(node, use, place);
      case 'Identifier':
        return this.#followName(nameOf(node), use, place);
      default:
        return undefined;
    }
  }

  #followCall(node: Node, use: Use, place: Place): void {
    const name = calleeName(node);
    const args = children(node, 'arguments');
    if (TRANSPARENT.has(name))
      return this.#follow(args[0] ?? child(child(node, 'callee'), 'object'), use, place);
    if (name === 'map' || name === 'flatMap' || name === 'from') {
      const callback = args.at(-1);
      if (callback && isFunction(callback)) this.#followReturns(callback, use, place);
      else
        for (const fn of this.#functionsNamed(nameOf(callback), place)) this.#followReturns(fn.node, use, fn);
      return;
    }
    for (const fn of this.#functionsCalled(node, place)) this.#followReturns(fn.node, use, fn);
  }

  #followReturns(fn: Node, use: Use, place: Place): void {
    const within = { source: place.source, above: [...place.above, fn] };
    const body = child(fn, 'body');
    if (!body) return;
    if (body.type !== 'BlockStatement') return this.#follow(body, use, within);
    walk(body, (node, above) => {
      if (above.some(isFunction) || isFunction(node)) return;
      const isResult = node.type === 'ReturnStatement' || node.type === 'YieldExpression';
      if (isResult)
        this.#follow(child(node, 'argument'), use, { ...within, above: [...within.above, ...above] });
    });
  }

  #followName(name: string, use: Use, place: Place): void {
    const parameter = this.#parameter(name, place);
    if (parameter) {
      const done = this.#doneParameters.get(parameter.fn.node) ?? new Set();
      const id = `${parameter.index} ${use}`;
      if (done.has(id)) return;
      this.#doneParameters.set(parameter.fn.node, done.add(id));
      this.#follow(parameter.fallback, use, parameter.fn);
      for (const call of this.#callsOf(parameter.fn)) {
        this.#follow(children(call.node, 'arguments')[parameter.index], use, call);
      }
      return;
    }
    const scope = place.above.findLast(node => isFunction(node) && declares(node, name)) ?? place.source.tree;
    walk(scope, (node, above) => {
      const at = {
        ...place,
        above: scope === place.source.tree ? above.slice() : [...place.above, ...above],
      };
      if (node.type === 'VariableDeclarator' && nameOf(child(node, 'id')) === name) {
        const loop = above.at(-2);
        this.#follow(
          child(node, 'init') ?? (loop?.type === 'ForOfStatement' ? child(loop, 'right') : undefined),
          use,
          at,
        );
      } else if (node.type === 'AssignmentExpression' && nameOf(child(node, 'left')) === name) {
        this.#follow(child(node, 'right'), use, at);
      } else if (node.type === 'CallExpression' && calleeName(node) === 'push') {
        if (nameOf(child(child(node, 'callee'), 'object')) !== name) return;
        for (const arg of children(node, 'arguments')) this.#follow(arg, use, at);
      }
    });
  }

  /** The function whose parameter this name is, if the nearest declaration of it is one. */
  #parameter(name: string, place: Place): { fn: Fn; index: number; fallback: Node | undefined } | undefined {
    for (const node of place.above.toReversed()) {
      if (!isFunction(node)) continue;
      const parameters = children(node, 'params');
      const index = parameters.findIndex(
        each => nameOf(each) === name || nameOf(child(each, 'left')) === name,
      );
      const fn = this.#byNode.get(node);
      if (index >= 0 && fn) return { fn, index, fallback: child(parameters[index], 'right') };
      if (declares(node, name)) return undefined;
    }
    return undefined;
  }

  #callsOf(fn: Fn): (Place & { readonly node: Node })[] {
    if (fn.name === '') return this.#callsOfCallback(fn);
    return (this.#calls.get(fn.name) ?? []).filter(call =>
      this.#functionsCalled(call.node, call).includes(fn),
    );
  }

  /** A function without a name that is handed to another, which calls it by the name of its parameter. */
  #callsOfCallback(fn: Fn): (Place & { readonly node: Node })[] {
    const taker = fn.above.at(-1);
    if (taker?.type !== 'CallExpression') return [];
    const index = children(taker, 'arguments').indexOf(fn.node);
    return this.#functionsCalled(taker, { source: fn.source, above: fn.above.slice(0, -1) }).flatMap(
      called => {
        const name = nameOf(children(called.node, 'params')[index]);
        const calls = this.#calls.get(name) ?? [];
        return calls.filter(call => name !== '' && this.#parameter(name, call)?.fn === called);
      },
    );
  }

  /** In the same file, else where it is imported from; a method of another object, by its name. */
  #functionsCalled(call: Node, place: Place): Fn[] {
    const { source } = place;
    const name = calleeName(call);
    const all = (name !== '' && this.#functions.get(name)) || [];
    const callee = child(call, 'callee');
    const own = all.filter(fn => fn.source === source);
    const isOther = callee?.type === 'MemberExpression' && child(callee, 'object')?.type !== 'ThisExpression';
    if (own.length > 0 && !isOther) return own;
    if (callee?.type === 'MemberExpression') return COMMON_NAMES.has(name) ? [] : all;
    return this.#functionsNamed(name, place);
  }

  /** In the same file, else where it is imported from. */
  #functionsNamed(name: string, { source }: Place): Fn[] {
    const all = (name !== '' && this.#functions.get(name)) || [];
    const own = all.filter(fn => fn.source === source);
    const from = this.#imports.get(`${source.file} ${name}`);
    return own.length > 0 ? own : all.filter(fn => fn.source.file === from);
  }

  #take(pattern: string, use: Use, { source }: Place): void {
    if (use === 'reason' && pattern.split(' ').length < PART_WORDS) return;
    if (!hasWords(pattern)) return;
    this.#messages.set(`${pattern}\0${use}`, { pattern, use, file: source.file });
  }
}

function isFunction(node: Node): boolean {
  return ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(node.type);
}

/** The name under which a function is called. */
function functionName(node: Node, parent: Node | undefined): string {
  return nameOf(child(node, 'id')) || nameOf(child(parent, 'key')) || nameOf(child(parent, 'id'));
}

function calleeName(call: Node): string {
  const callee = child(call, 'callee');
  return nameOf(callee?.type === 'MemberExpression' ? child(callee, 'property') : callee);
}

/** The name of an identifier or of a private member. */
function nameOf(node: Node | undefined): string {
  if (node?.type === 'Identifier') return String(node['name']);
  return node?.type === 'PrivateIdentifier' ? `#${String(node['name'])}` : '';
}

/** Whether a member is one of a log, by its name. */
function isLog(member: Node): boolean {
  const object = child(member, 'object');
  const last = object?.type === 'MemberExpression' ? child(object, 'property') : object;
  return /^#?log$/i.test(last?.type === 'CallExpression' ? calleeName(last) : nameOf(last));
}

/** The levels at which this call says something, if it is one of a log. */
function logLevels(call: Node): string[] {
  const callee = child(call, 'callee');
  if (callee?.type !== 'MemberExpression') return [];
  const property = child(callee, 'property');
  // log[isBad ? 'warning' : 'info'](…)
  if (callee['computed'] === true && property && isLog(callee))
    return textsOf(property).filter(each => LEVELS.has(each));
  const name = nameOf(property);
  return LEVELS.has(name) && (isLog(callee) || name === 'critical' || name === 'warning') ? [name] : [];
}

function declares(fn: Node, name: string): boolean {
  let found = false;
  walk(fn, (node, above) => {
    if (node !== fn && above.some(each => each !== fn && isFunction(each))) return;
    if (node.type === 'VariableDeclarator' && nameOf(child(node, 'id')) === name) found = true;
  });
  return found;
}

/** Names of events and fields are no messages; without words, a text says nothing of its own. */
function hasWords(text: string): boolean {
  return /\p{L}{2}/u.test(text) && /[^ ] [^ ]/.test(text);
}

/** A text as patterns: more than one where it has one of two words. */
function textsOf(node: Node): string[] {
  if (node.type === 'Literal') return [typeof node['value'] === 'string' ? node['value'] : '…'];
  if (node.type === 'ConditionalExpression') {
    const texts = [child(node, 'consequent'), child(node, 'alternate')].flatMap(each =>
      each ? textsOf(each) : [],
    );
    return texts.includes('') || texts.includes('…') ? ['…'] : texts;
  }
  if (node.type === 'BinaryExpression' && node['operator'] === '+') {
    const [left, right] = [child(node, 'left'), child(node, 'right')];
    return left && right ? joined(textsOf(left), textsOf(right)) : ['…'];
  }
  if (node.type !== 'TemplateLiteral') return ['…'];
  const quasis = children(node, 'quasis').map(quasi => (quasi['value'] as { cooked: string }).cooked);
  const parts = children(node, 'expressions').map(textsOf);
  return quasis
    .slice(1)
    .reduce((texts, quasi, i) => joined(joined(texts, parts[i] ?? ['…']), [quasi]), [quasis[0] ?? '']);
}

function joined(heads: readonly string[], tails: readonly string[]): string[] {
  return heads.flatMap(head => tails.map(tail => (head + tail).replaceAll('……', '…')));
}
