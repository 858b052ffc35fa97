import type { TestContext } from 'node:test';
import type { Bus, BusOptions } from '../../../common/dbus/bus.js';
import { connectBus } from '../../../common/dbus/bus.js';
import type { BusDaemon } from '../../support/bus.js';
import { startBusDaemon } from '../../support/bus.js';

/** A message bus of the test's own, with the limits of a system bus. */
export interface PrivateBus extends BusDaemon {
  /** Another connection to it. */
  connect(options?: BusOptions): Promise<Bus>;
}

const config = (address: string) => `<busconfig>
  <type>system</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own_prefix="org.example"/>
    <deny own="org.example.Forbidden"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;

export async function startPrivateBus(t: TestContext): Promise<PrivateBus> {
  const daemon = await startBusDaemon(t, config);
  return {
    ...daemon,
    connect: async options => {
      const connection = await connectBus(daemon.address, options);
      t.after(() => connection.close());
      return connection;
    },
  };
}
