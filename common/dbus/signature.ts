/** Depths that the D-Bus specification allows: within one signature, and of containers and variants altogether. */
const ARRAY_DEPTH_LIMIT = 32;
const STRUCT_DEPTH_LIMIT = 32;
export const DEPTH_LIMIT = 64;

/** The longest signature of the D-Bus specification: its length is one byte. */
export const SIGNATURE_LIMIT = 255;

/** Parsed signatures that are remembered. Programs use some dozens; a stranger's must not add up. */
const REMEMBERED_SIGNATURES = 256;

const BASIC_TYPES = 'ybnqiuxtdhsog';

/** Where values of a type start: at a multiple of so many bytes (D-Bus specification, "Marshaling"). */
const ALIGNMENT: Readonly<Record<string, 1 | 2 | 4 | 8>> = {
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  h: 4,
  s: 4,
  o: 4,
  a: 4,
  x: 8,
  t: 8,
  d: 8,
  '(': 8,
  '{': 8,
};

/** One complete type: a letter of BASIC_TYPES, `v`, or `a`, `(`, `{` with what they contain. */
export interface Type {
  readonly code: string;
  readonly children: readonly Type[];
  /** In bytes. */
  readonly alignment: 1 | 2 | 4 | 8;
}

const remembered = new Map<string, readonly Type[]>();

/**
 * Reads a signature.
 * @throws Error for one that the D-Bus specification does not allow; what is left has no type whose values take no
 *   bytes, so that an array of them ends
 */
export function parseSignature(signature: string): readonly Type[] {
  const known = remembered.get(signature);
  if (known) return known;
  const types = parse(signature);
  if (remembered.size >= REMEMBERED_SIGNATURES) remembered.clear();
  remembered.set(signature, types);
  return types;
}

/** The signature of one complete type. */
export function signatureOf({ code, children }: Type): string {
  const inner = children.map(signatureOf).join('');
  if (code === '(') return `(${inner})`;
  return code === '{' ? `{${inner}}` : code + inner;
}

/** @throws Error for a signature that is not of one complete type */
export function parseType(signature: string): Type {
  const [type, ...more] = parseSignature(signature);
  if (type === undefined || more.length > 0) throw new Error('a variant must have one type');
  return type;
}

function parse(signature: string): Type[] {
  if (signature.length > SIGNATURE_LIMIT) throw new Error('signature too long');
  let at = 0;
  const next = (arrays: number, structs: number, parent = ''): Type => {
    if (arrays > ARRAY_DEPTH_LIMIT || structs > STRUCT_DEPTH_LIMIT) throw new Error('nested too deeply');
    const code = signature[at++] ?? '';
    const children: Type[] = [];
    if (code === 'a') {
      children.push(next(arrays + 1, structs, code));
    } else if (code === '(') {
      while (children.length === 0 || signature[at] !== ')') children.push(next(arrays, structs + 1, code));
      at++;
    } else if (code === '{' && parent === 'a') {
      children.push(next(arrays, structs, code), next(arrays, structs, code));
      if (children[0]?.children.length !== 0 || children[0].code === 'v' || signature[at++] !== '}')
        throw new Error('bad dictionary in a signature');
    } else if (code === '' || !`${BASIC_TYPES}v`.includes(code)) {
      throw new Error('bad signature');
    }
    return { code, children, alignment: ALIGNMENT[code] ?? 1 };
  };
  const types: Type[] = [];
  while (at < signature.length) types.push(next(0, 0));
  return types;
}
