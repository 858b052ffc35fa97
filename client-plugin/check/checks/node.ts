import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { listed } from '../../../common/listed.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import { readElf } from '../image/elf.js';
import type { Bytes } from '../image/elf.js';
import type { ImageFile } from '../image/tree.js';
import { Libraries } from './libraries.js';
import type { Subject } from '../subject.js';

/** What the launcher names in its first line. */
export const NODE = 'usr/bin/node';
const OLDEST_NODE = 20;
/** Numbers of libnode.so, in which Debian's node has its code: process.versions.modules of Node.js 20. */
const OLDEST_LIBNODE = 115;
const GNUTLS = 'libgnutls.so.30';
/** The version of libgnutls that has raw public keys as this client uses them, as its symbols are marked. */
const GNUTLS_VERSION = 'GNUTLS_3_6_6';
const GNUTLS_RELEASE = '3.6.6';
const SHOWN = 5;

/** What runs the client, and all libraries that it needs. */
export function checkNode(subject: Subject): Finding[] {
  if (subject.client !== 'ours') return [];
  const { image, update } = subject;
  const node = image.tree.file(NODE);
  if (node === undefined)
    return [fail('node', `the image has no /${NODE}, which runs the client: run ${update}`)];
  if (node.elf === undefined)
    return [fail('node', `/${NODE} in the image is damaged, or no program: run ${update}`)];
  if ((node.mode & 0o111) === 0)
    return [fail('node', `/${NODE} in the image is not executable: run ${update}`)];
  const libraries = new Libraries(image.tree);
  const gnutls = libraries.find(GNUTLS, node);
  return [
    ...versionFindings(subject, node),
    ...gnutlsFindings(gnutls, update),
    ...libraryFindings(subject, libraries, [node, gnutls]),
  ];
}

function versionFindings({ host, update }: Subject, node: ImageFile): Finding[] {
  const version = versionOf(node);
  if (version?.isTooOld)
    return [
      fail(
        'node',
        `it is version ${version.text}, and at least ${OLDEST_NODE} is needed: install a newer nodejs, then run ${update}`,
      ),
    ];
  const findings: Finding[] = [];
  if (version === undefined)
    findings.push(
      warning('node', `the version of /${NODE} cannot be told; at least ${OLDEST_NODE} is needed`),
    );
  const installed = host.node === undefined ? undefined : buildIdOf(host.files.at(host.node));
  if (installed !== undefined && node.elf?.buildId !== undefined && installed !== node.elf.buildId)
    findings.push(warning('node', `the image has another node than is installed: run ${update}`));
  return findings.length > 0 ? findings : [ok('node', `version ${version?.text ?? ''}`)];
}

function versionOf(node: ImageFile): { readonly text: string; readonly isTooOld: boolean } | undefined {
  const { nodeVersion } = node;
  if (nodeVersion !== undefined)
    return { text: nodeVersion, isTooOld: Number.parseInt(nodeVersion, 10) < OLDEST_NODE };
  // Debian's node is a small program with all in a library, whose name has the number of its interface.
  for (const name of node.elf?.needed ?? []) {
    const [, number] = /^libnode\.so\.(\d+)$/.exec(name) ?? [];
    if (number === undefined) continue;
    const isTooOld = Number(number) < OLDEST_LIBNODE;
    return { text: isTooOld ? `older than ${OLDEST_NODE}` : `${OLDEST_NODE} or newer`, isTooOld };
  }
  return undefined;
}

function gnutlsFindings(gnutls: ImageFile | undefined, update: string): Finding[] {
  if (gnutls === undefined)
    return [
      fail('libraries', `the image has no ${GNUTLS}: install the package libgnutls30, then run ${update}`),
    ];
  return gnutls.elf?.versions.includes(GNUTLS_VERSION)
    ? []
    : [
        fail(
          'libraries',
          `${GNUTLS} in the image is older than ${GNUTLS_RELEASE}: install a newer one, then run ${update}`,
        ),
      ];
}

function libraryFindings(
  { image, update }: Subject,
  libraries: Libraries,
  [node, gnutls]: readonly [ImageFile, ImageFile | undefined],
): Finding[] {
  const koffi = image.tree.file('lib/mandos/koffi.node');
  if (koffi?.elf === undefined)
    return [fail('libraries', `the image has no usable /lib/mandos/koffi.node: run ${update}`)];
  const findings: Finding[] = [];
  if (koffi.elf.machine !== node.elf?.machine || koffi.elf.bits !== node.elf.bits)
    findings.push(fail('libraries', `koffi.node is for another kind of processor than node: run ${update}`));
  const missing = libraries.missing([node, koffi, ...(gnutls ? [gnutls] : [])]);
  if (missing.length > 0) {
    const wanters = [...new Set(missing.map(({ by }) => by))];
    const wanted = wanters.map(wanter => {
      const names = missing.filter(({ by }) => by === wanter).map(({ library }) => library);
      return `${listed(names, SHOWN)}, which /${wanter} needs`;
    });
    findings.push(fail('libraries', `the image has no ${listed(wanted, SHOWN, '; no ')}: run ${update}`));
  }
  if (findings.length > 0 || gnutls === undefined) return findings;
  return [ok('libraries', 'all that node, koffi.node and libgnutls need are in it')];
}

/** @returns undefined when it cannot be told */
function buildIdOf(file: string): string | undefined {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return readElf(bytesOfFile(descriptor)).buildId;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

function bytesOfFile(descriptor: number): Bytes {
  return {
    size: fstatSync(descriptor).size,
    read(offset, length) {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, offset));
    },
  };
}
