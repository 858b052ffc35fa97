/** Names of the Mandos server's D-Bus interface (DBUS-API), and of the standard interfaces that it has. */
export const SERVER_NAME = 'se.recompile.Mandos';
export const SERVER_PATH = '/';
export const SERVER_INTERFACE = 'se.recompile.Mandos';
export const CLIENT_INTERFACE = 'se.recompile.Mandos.Client';
export const PROPERTIES = 'org.freedesktop.DBus.Properties';
export const OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager';

/** D-Bus types of the properties of a client that can be written (DBUS-API). */
export const WRITABLE_PROPERTIES = {
  ApprovalDelay: 't',
  ApprovalDuration: 't',
  ApprovedByDefault: 'b',
  Checker: 's',
  CheckerRunning: 'b',
  Enabled: 'b',
  ExtendedTimeout: 't',
  Host: 's',
  Interval: 't',
  LastCheckedOK: 's',
  Secret: 'ay',
  Timeout: 't',
} as const;
export type WritableProperty = keyof typeof WRITABLE_PROPERTIES;
