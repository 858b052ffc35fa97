#!/usr/bin/env node
import { main } from './run-client.js';

await main(process.argv.slice(2));
