/** RFC 1035 section 2.3.4. */
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 253;
/** Stands for bytes that are not UTF-8: the name as it was is lost. */
const REPLACEMENT = '\uFFFD';

const utf8 = new TextEncoder();

/**
 * Whether a name as the DNS decoder gives it can be put into a question: dots within a label are not told from those
 * between labels, and bytes that are not UTF-8 are lost.
 * @param kind `label` for a service's instance name, which is one label and may have dots
 */
export function isAskable(text: string, kind: 'label' | 'name'): boolean {
  if (text.includes(REPLACEMENT) || utf8.encode(text).length > MAX_NAME_BYTES) return false;
  const labels = text.split('.');
  if (kind === 'label' && labels.length > 1) return false;
  return labels.every(label => label !== '' && utf8.encode(label).length <= MAX_LABEL_BYTES);
}
