#!/usr/bin/env node
import { main } from './run-mandos-initramfs.js';

await main(process.argv.slice(2));
