import { join } from 'node:path';
import { makeBundle } from './bundle.js';
import { makeCaches } from './install.js';

/**
 * npm run bundle: the client's programs in dist/bundle. The code cache is for this machine's node; a package leaves it
 * out, and install-bundle makes the one of the machine that boots.
 */
const DIRECTORY = join(import.meta.dirname, '../../bundle');

await makeBundle(DIRECTORY);
const fault = makeCaches(DIRECTORY, process.execPath);
if (fault !== undefined) throw new Error(`no code caches: ${fault}`);
