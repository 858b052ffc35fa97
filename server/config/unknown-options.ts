import { collectReferences } from '../../common/config-expansion.js';
import type { ConfigFault } from '../../common/config-fault.js';
import type { ConfigFile, ConfigOption } from '../../common/config-file.js';
import { printableKey } from '../../common/config-file.js';
import { closestWord } from '../../common/suggest.js';

/**
 * Options that nobody reads and no other option refers to: allowed, and most likely a mistake.
 * @param configs files whose options can refer to each other's
 * @param known keys of the options that are read
 * @param whose they are: a client's, the server's
 */
export function unknownOptionFaults(
  configs: readonly ConfigFile[],
  known: Iterable<string>,
  whose: 'a client' | 'the server',
): ConfigFault[] {
  const sections = configs.flatMap(({ defaults, sections: others }) =>
    defaults ? [defaults, ...others] : others,
  );
  const used = new Set(known);
  for (const { options } of sections) {
    for (const { raw } of options.values()) collectReferences(raw, used);
  }
  const faults: ConfigFault[] = [];
  for (const { file, name, options } of sections) {
    let previous: ConfigOption | undefined;
    for (const option of options.values()) {
      if (!used.has(option.key)) {
        const place = { file, line: option.lines[0] ?? 0, section: name };
        const tail = isSecretsTail(option, previous);
        faults.push({ ...place, ...(tail ? LOST_INDENTATION : unknownOption(option.key, known, whose)) });
      }
      previous = option;
    }
  }
  return faults;
}

type FaultText = Pick<ConfigFault, 'key' | 'message' | 'severity'>;

function unknownOption(key: string, known: Iterable<string>, whose: string): FaultText {
  const meant = closestWord(key, known);
  const hint = meant === undefined ? 'it is ignored' : `did you mean ${meant}?`;
  return { key: printableKey(key), message: `is not an option of ${whose} (${hint})`, severity: 'warning' };
}

const LOST_INDENTATION: FaultText = {
  key: 'secret',
  message: 'looks like the last line of the secret above: indent it',
  severity: 'error',
};

/** Base64's last line ends with the "=" that makes an option of it when it is not indented. */
function isSecretsTail({ key, raw }: ConfigOption, previous: ConfigOption | undefined): boolean {
  return previous?.key === 'secret' && /^=?$/.test(raw) && /^[a-z0-9+/]+$/.test(key);
}
