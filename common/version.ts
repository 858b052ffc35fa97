/** The version that every program of this package prints; equal to package.json's (a test holds both together). */
export const VERSION = '0.1.0';

/** The release of Mandos whose protocol, files and command lines these programs follow. */
export const COMPATIBLE_WITH = 'Mandos 1.8';
