import type { Variant } from './decode.js';
import type { DbusInterface } from './interface-table.js';
import type { EncodedBody } from './message.js';
import type { IncomingCall } from './served-calls.js';

/** What the interfaces that every object has are given: an object, or a node that is none, by its path. */
export interface StandardTarget {
  introspect(): string;
  machineId(): string;
  get(interfaceName: string, property: string): Variant;
  getAll(interfaceName: string): ReadonlyMap<string, Variant>;
  set(interfaceName: string, property: string, value: Variant, call: IncomingCall): Promise<void>;
  managedObjects(): Promise<EncodedBody>;
}

/** All as the D-Bus specification has them ("Standard Interfaces"). */
export const INTROSPECTABLE: DbusInterface<StandardTarget> = {
  name: 'org.freedesktop.DBus.Introspectable',
  methods: {
    Introspect: { out: { xml_data: 's' }, call: target => [target.introspect()] },
  },
};

export const PEER: DbusInterface<StandardTarget> = {
  name: 'org.freedesktop.DBus.Peer',
  methods: {
    Ping: { call: () => [] },
    GetMachineId: { out: { machine_uuid: 's' }, call: target => [target.machineId()] },
  },
};

export const PROPERTIES: DbusInterface<StandardTarget> = {
  name: 'org.freedesktop.DBus.Properties',
  methods: {
    Get: {
      in: { interface_name: 's', property_name: 's' },
      out: { value: 'v' },
      call: (target, [name, property]) => [target.get(name as string, property as string)],
    },
    GetAll: {
      in: { interface_name: 's' },
      out: { props: 'a{sv}' },
      call: (target, [name]) => [target.getAll(name as string)],
    },
    Set: {
      in: { interface_name: 's', property_name: 's', value: 'v' },
      call: async (target, [name, property, value], call) => {
        await target.set(name as string, property as string, value as Variant, call);
        return [];
      },
    },
  },
  signals: {
    PropertiesChanged: {
      args: { interface_name: 's', changed_properties: 'a{sv}', invalidated_properties: 'as' },
    },
  },
};

export const OBJECT_MANAGER: DbusInterface<StandardTarget> = {
  name: 'org.freedesktop.DBus.ObjectManager',
  methods: {
    GetManagedObjects: {
      out: { objpath_interfaces_and_properties: 'a{oa{sa{sv}}}' },
      call: async target => await target.managedObjects(),
    },
  },
  signals: {
    InterfacesAdded: { args: { object_path: 'o', interfaces_and_properties: 'a{sa{sv}}' } },
    InterfacesRemoved: { args: { object_path: 'o', interfaces: 'as' } },
  },
};
