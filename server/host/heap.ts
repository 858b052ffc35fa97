import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the part of V8's heap for young objects as small as it begins. Reading the configuration would make it grow, for
 * good: with ten thousand clients the process would keep 145 MB instead of 85.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
