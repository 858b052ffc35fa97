import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectBus, isDbusError } from '../../../common/dbus/bus.js';
import { requires } from '../../support/requires.js';
import { settingsOf } from '../client/heart.js';
import { SERVER, startScene } from './scene.js';

const CLIENTS = 1_000;

test(
  'a flood of long calls is refused beyond the limit, and others are served meanwhile',
  requires('dbus', 'root'),
  async t => {
    const limits = { maxDbusCalls: 6 };
    const clients = Array.from({ length: CLIENTS }, (_, i) => settingsOf(`client${i}`));
    const scene = await startScene(t, clients, { limits: () => limits });
    const flooder = await connectBus(scene.bus.address, { messageLimitBytes: 32 * 1024 * 1024 });
    t.after(() => flooder.close());
    const all = {
      destination: SERVER,
      path: '/',
      interface: 'org.freedesktop.DBus.ObjectManager',
      member: 'GetManagedObjects',
    };
    const flood = async (count: number) => {
      const ends: string[] = [];
      const ask = async () => {
        try {
          const [objects] = await flooder.call(all, 120_000);
          assert.equal((objects as Map<string, unknown>).size, CLIENTS);
          ends.push('served');
        } catch (error) {
          assert.ok(isDbusError(error, 'LimitsExceeded'), String(error));
          ends.push('refused');
        }
      };
      const calls = Array.from({ length: count }, ask);
      await scene.of('client7', 'Disable');
      await Promise.all(calls);
      return ends;
    };
    const ends = await flood(100);
    assert.equal(scene.heart.client('client7').enabled, false);
    const served = ends.filter(end => end === 'served').length;
    assert.ok(served >= 3 && served < 100, `${served} served`);
    limits.maxDbusCalls = 40;
    assert.deepEqual(new Set(await flood(5)), new Set(['served']), 'the new limit is in effect');
  },
);
