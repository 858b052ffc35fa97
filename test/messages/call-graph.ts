import { dirname, join } from 'node:path';
import { calleeName, declares, functionName, isFunction, nameOf } from './names.js';
import type { Node, Source } from './syntax.js';
import { child, children, walk } from './syntax.js';

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

export interface Place {
  readonly source: Source;
  /** Nodes above, the nearest last. */
  readonly above: readonly Node[];
}

/** A function, with where it stands. */
export interface Fn extends Place {
  readonly name: string;
  readonly node: Node;
}

/** A call of a function, with where it stands. */
export interface Call extends Place {
  readonly node: Node;
}

export interface Parameter {
  readonly fn: Fn;
  readonly index: number;
  /** What it is when a call does not give it. */
  readonly fallback: Node | undefined;
}

/** Which functions there are in the sources, and who calls them: by their names, not by their types. */
export class CallGraph {
  readonly #functions = new Map<string, Fn[]>();
  readonly #byNode = new Map<Node, Fn>();
  readonly #calls = new Map<string, Call[]>();
  readonly #imports = new Map<string, string>();

  constructor(sources: readonly Source[]) {
    for (const source of sources) walk(source.tree, (node, above) => this.#index(node, [...above], source));
  }

  /** The function whose parameter this name is, if the nearest declaration of it is one. */
  parameter(name: string, place: Place): Parameter | undefined {
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

  /** All calls of a function. */
  callsOf(fn: Fn): Call[] {
    if (fn.name === '') return this.#callsOfCallback(fn);
    return (this.#calls.get(fn.name) ?? []).filter(call =>
      this.functionsCalled(call.node, call).includes(fn),
    );
  }

  /** A function without a name that is handed to another, which calls it by the name of its parameter. */
  #callsOfCallback(fn: Fn): Call[] {
    const taker = fn.above.at(-1);
    if (taker?.type !== 'CallExpression') return [];
    const index = children(taker, 'arguments').indexOf(fn.node);
    return this.functionsCalled(taker, { source: fn.source, above: fn.above.slice(0, -1) }).flatMap(
      called => {
        const name = nameOf(children(called.node, 'params')[index]);
        const calls = this.#calls.get(name) ?? [];
        return calls.filter(call => name !== '' && this.parameter(name, call)?.fn === called);
      },
    );
  }

  /** In the same file, else where it is imported from; a method of another object, by its name. */
  functionsCalled(call: Node, place: Place): Fn[] {
    const { source } = place;
    const name = calleeName(call);
    const all = (name !== '' && this.#functions.get(name)) || [];
    const callee = child(call, 'callee');
    const own = all.filter(fn => fn.source === source);
    const isOther = callee?.type === 'MemberExpression' && child(callee, 'object')?.type !== 'ThisExpression';
    if (own.length > 0 && !isOther) return own;
    if (callee?.type === 'MemberExpression') return COMMON_NAMES.has(name) ? [] : all;
    return this.functionsNamed(name, place);
  }

  /** In the same file, else where it is imported from. */
  functionsNamed(name: string, { source }: Place): Fn[] {
    const all = (name !== '' && this.#functions.get(name)) || [];
    const own = all.filter(fn => fn.source === source);
    const from = this.#imports.get(`${source.file} ${name}`);
    return own.length > 0 ? own : all.filter(fn => fn.source.file === from);
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
}
