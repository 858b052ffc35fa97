import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { VERSION } from '../../common/version.js';
import { clientPackage } from './client-package.js';
import { makeDeb } from './deb.js';
import { serverPackage } from './server-package.js';

/**
 * npm run package: the Debian packages, in dist/packages. The same source makes the same files, byte for byte, with the
 * same Node.js, esbuild, binutils and dpkg.
 *
 *   npm run package -- --revision=2    the packages' own part of the version; the changelog's by default
 *   npm run package -- --out=DIRECTORY
 */
const ROOT = join(import.meta.dirname, '../../..');

const { values } = parseArgs({
  options: {
    revision: { type: 'string' },
    out: { type: 'string', default: join(ROOT, 'dist/packages') },
  },
});

/** The first entry of the changelog says what is being made, and when. */
function readChangelog(): { readonly version: string; readonly timeS: number } {
  const text = readFileSync(join(ROOT, 'packaging/debian/changelog'), 'utf8');
  const version = /^\S+ \(([^)]+)\)/.exec(text)?.[1] ?? '';
  const time = /^ -- .*> {2}(.+)$/m.exec(text)?.[1] ?? '';
  if (!version.startsWith(`${VERSION}-`)) {
    throw new Error(`packaging/debian/changelog begins with ${version}, and this is ${VERSION}`);
  }
  return { version, timeS: Date.parse(time) / 1000 };
}

const changelog = readChangelog();
const version = values.revision === undefined ? changelog.version : `${VERSION}-${values.revision}`;
const timeS = Number(process.env['SOURCE_DATE_EPOCH'] ?? changelog.timeS);
// What other programs make on the way follows it.
process.umask(0o022);
const work = mkdtempSync(join(tmpdir(), 'mandos-package-'));
try {
  const source = { root: ROOT, version, work };
  for (const part of [await serverPackage(source), await clientPackage(source)]) {
    const file = makeDeb(values.out, part, timeS);
    process.stdout.write(`${relative(process.cwd(), file)}\n`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
