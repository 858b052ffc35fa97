import { execFileSync } from 'node:child_process';

/** Packages of the libraries that binaries can be linked with, and from which version on they have a symbol's version. */
const LIBRARIES = [
  { package: 'libc6', symbols: /\(GLIBC_([\d.]+)\)/g, oldest: '2.28' },
  { package: 'libgcc-s1', symbols: /\(GCC_([\d.]+)\)/g, oldest: undefined },
  { package: 'libstdc++6', symbols: /\((?:GLIBCXX|CXXABI)_([\d.]+)\)/g, oldest: '8' },
] as const;

/** Debian's dependencies for binaries: what `dpkg-shlibdeps` would say of these few libraries. */
export function libraryDependencies(binaries: readonly string[]): string[] {
  const symbols = binaries.map(file => execFileSync('objdump', ['-T', file], { encoding: 'utf8' })).join('');
  return LIBRARIES.flatMap(({ package: name, symbols: pattern, oldest }) => {
    const versions = [...symbols.matchAll(pattern)].map(([, version = '']) => version);
    if (versions.length === 0) return [];
    // Only the C library's package has the version of its symbols.
    const needed = name === 'libc6' ? newest([oldest ?? '', ...versions]) : oldest;
    return [needed === undefined ? name : `${name} (>= ${needed})`];
  });
}

function newest(versions: readonly string[]): string {
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
}
