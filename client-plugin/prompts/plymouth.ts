#!/usr/bin/env node
import { main } from './run-plymouth.js';

await main(process.argv.slice(2));
