#!/usr/bin/env node
import { main } from './run-password-prompt.js';

await main(process.argv.slice(2));
