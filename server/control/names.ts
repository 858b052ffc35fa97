/** Names on the bus, and of the interfaces of `/` and of each client, as DBUS-API of the original has them. */
export const SERVER_NAME = 'se.recompile.Mandos';
export const CLIENT_NAME = `${SERVER_NAME}.Client`;

/** What they were called long ago, and what older programs still ask for. */
export const OLD_SERVER_NAME = 'se.bsnet.fukt.Mandos';
export const OLD_CLIENT_NAME = `${OLD_SERVER_NAME}.Client`;

/** The node that the objects of all clients are beneath. */
export const CLIENTS_NODE = 'clients';
