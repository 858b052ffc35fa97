#!/usr/bin/env node
import { main } from './run-askpass-fifo.js';

await main(process.argv.slice(2));
