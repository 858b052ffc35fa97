#!/usr/bin/env node
import { main } from './run-keygen.js';

await main(process.argv.slice(2));
