/** The files of a bundle, and by which names its programs are called where it is installed. */

/** Programs of the initramfs, and where each lies below `lib/mandos`: a link to the launcher. */
export const BOOT_LINKS = {
  'plugin-runner': 'plugin-runner',
  'password-agent': 'password-agent',
  'mandos-to-cryptroot-unlock': 'mandos-to-cryptroot-unlock',
  'mandos-client': 'plugins.d/mandos-client',
  'password-prompt': 'plugins.d/password-prompt',
  'askpass-fifo': 'plugins.d/askpass-fifo',
  plymouth: 'plugins.d/plymouth',
} as const;

export type BootProgram = keyof typeof BOOT_LINKS;

/** What an image needs beside the launcher and its links. The launcher is CommonJS wherever it lies. */
export const BOOT_FILES = ['boot.cjs', 'openpgp.cjs', 'koffi.node', 'package.json'] as const;

export const BOOT_LAUNCHER = 'mandos-boot';
/** V8's compiled form of each .cjs; a machine without it starts more slowly. */
export const BOOT_CACHES = ['boot.cache', 'openpgp.cache'] as const;

/** Programs of the running system; each is called by a link to the launcher. */
export const TOOLS = ['mandos-keygen', 'mandos-initramfs'] as const;
export const TOOLS_LAUNCHER = 'mandos-tools';

/** Where the hooks put the program that runs all this. */
export const DEFAULT_NODE = '/usr/bin/node';
