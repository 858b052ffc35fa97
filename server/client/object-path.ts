/**
 * The D-Bus object path of a client. As in the original, `.` and `-` become `_`; a character that no path can hold,
 * at which the original ends, becomes `_` and the two hexadecimal digits of each of its bytes.
 * Different names may have one path (`a.b`, `a-b`): the configuration's check refuses them.
 */
export function clientObjectPath(name: string): string {
  return `/clients/${name.replace(/[.-]/g, '_').replace(/\W/gu, escapeCharacter)}`;
}

function escapeCharacter(character: string): string {
  return Array.from(Buffer.from(character), byte => `_${byte.toString(16).padStart(2, '0')}`).join('');
}
