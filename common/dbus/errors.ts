import { MandosError } from '../errors.js';

/** What the D-Bus specification and its reference implementation name the usual errors. */
const STANDARD = 'org.freedesktop.DBus.Error.';

/** An error that the called program (or the bus) replied. */
export class DbusError extends MandosError {
  override readonly name = 'DbusError';
  /** `org.freedesktop.DBus.Error.…` */
  readonly dbusName: string;

  constructor(dbusName: string, text: string) {
    super('DBUS_ERROR', `D-Bus: ${text || dbusName}`);
    this.dbusName = dbusName;
  }
}

/** What a served method throws for its caller to see. */
export class DbusFault extends MandosError {
  override readonly name = 'DbusFault';
  readonly dbusName: string;

  /**
   * @param dbusName of the error; without a dot, one of org.freedesktop.DBus.Error: `InvalidArgs`, `AccessDenied`, …
   * @param text one line for the caller, without anything secret
   */
  constructor(dbusName: string, text: string) {
    super('DBUS_FAULT', text);
    this.dbusName = dbusName.includes('.') ? dbusName : STANDARD + dbusName;
  }
}

/** Whether an error is the reply of that name; without a dot, one of org.freedesktop.DBus.Error. */
export function isDbusError(error: unknown, dbusName: string): boolean {
  return (
    error instanceof DbusError && error.dbusName === (dbusName.includes('.') ? dbusName : STANDARD + dbusName)
  );
}
