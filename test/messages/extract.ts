import type { Place } from './call-graph.js';
import { CallGraph } from './call-graph.js';
import { calleeName, declares, isFunction, isLog, LEVELS, logLevels, nameOf } from './names.js';
import type { Node, Source } from './syntax.js';
import { child, children, isNode, walk } from './syntax.js';
import { hasWords, textsOf } from './texts.js';

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
const TEXT_FIELDS = new Set(['message', 'problem', 'problems', 'reason', 'why', 'cause', 'cure']);
/** Functions that hand on their argument. */
const TRANSPARENT = new Set(['printable', 'String', 'resolve', 'race', 'withCommentHint', 'flat', 'filter']);
/** Shorter parts are understood where they stand. */
const PART_WORDS = 3;

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
  readonly #graph: CallGraph;
  readonly #messages = new Map<string, Message>();
  readonly #allCodes = new Set<string>();
  readonly #done = new Map<Node, Set<Use>>();
  readonly #doneParameters = new Map<Node, Set<string>>();

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
    this.#graph = new CallGraph(sources);
  }

  run(): Extracted {
    for (const source of this.#sources)
      walk(source.tree, (node, above) => this.#begin(node, [...above], source));
    return { messages: [...this.#messages.values()], codes: this.#allCodes };
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
    const level = this.#graph.parameter(nameOf(child(callee, 'property')), place);
    if (!level) return;
    for (const caller of this.#graph.callsOf(level.fn)) {
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
    const found = node?.type === 'Identifier' ? this.#graph.parameter(nameOf(node), place) : undefined;
    if (!found) return ['reason'];
    const codes = this.#graph.callsOf(found.fn).flatMap(call => {
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
        for (const fn of this.#graph.functionsNamed(nameOf(callback), place))
          this.#followReturns(fn.node, use, fn);
      return;
    }
    for (const fn of this.#graph.functionsCalled(node, place)) this.#followReturns(fn.node, use, fn);
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
    const parameter = this.#graph.parameter(name, place);
    if (parameter) {
      const done = this.#doneParameters.get(parameter.fn.node) ?? new Set();
      const id = `${parameter.index} ${use}`;
      if (done.has(id)) return;
      this.#doneParameters.set(parameter.fn.node, done.add(id));
      this.#follow(parameter.fallback, use, parameter.fn);
      for (const call of this.#graph.callsOf(parameter.fn)) {
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

  #take(pattern: string, use: Use, { source }: Place): void {
    if (use === 'reason' && pattern.split(' ').length < PART_WORDS) return;
    if (!hasWords(pattern)) return;
    this.#messages.set(`${pattern}\0${use}`, { pattern, use, file: source.file });
  }
}
