import type { Node } from './syntax.js';
import { child, children } from './syntax.js';

/** Names of events and fields are no messages; without words, a text says nothing of its own. */
export function hasWords(text: string): boolean {
  return /\p{L}{2}/u.test(text) && /[^ ] [^ ]/.test(text);
}

/** A text as patterns: more than one where it has one of two words. */
export function textsOf(node: Node): string[] {
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

export function joined(heads: readonly string[], tails: readonly string[]): string[] {
  return heads.flatMap(head => tails.map(tail => (head + tail).replaceAll('……', '…')));
}
