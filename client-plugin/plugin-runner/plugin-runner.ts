#!/usr/bin/env node
import { main } from './run-plugin-runner.js';

await main(process.argv.slice(2));
