import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Bus } from '../../../common/dbus/bus.js';
import { servedObject } from '../../../common/dbus/interface-table.js';
import { keepConnected } from '../../../common/dbus/keep-connected.js';
import { serveObjects } from '../../../common/dbus/objects.js';
import { MandosError } from '../../../common/errors.js';
import { requires } from '../../support/requires.js';
import { makeThing, pathOf, THING, thingTree } from './clients-like.js';
import { startPrivateBus } from './private-bus.js';

const NAME = 'org.example.Things';
const RESTARTS = 20;
const PATH = pathOf('thing0');
const MANAGER = 'org.freedesktop.DBus.ObjectManager';

const openFiles = () => readdirSync('/proc/self/fd').length;

const turn = async () => await new Promise(setImmediate);

test(
  'through 20 restarts of a busy bus both sides come back, every call ends and nothing is left open',
  requires('dbus'),
  async t => {
    const privateBus = await startPrivateBus(t);
    const filesBefore = openFiles();
    const things = new Map([[PATH, makeThing('thing0')]]);
    const calls = { underWay: 0 };
    let signals = 0;
    let connections = 0;
    let answered = () => {};
    const isOfTheBus = (error: unknown) => {
      assert.ok(error instanceof MandosError, String(error));
    };

    const serve = async (bus: Bus): Promise<void> => {
      const objects = serveObjects(bus, thingTree(things, servedObject([], undefined)));
      await bus.requestName(NAME);
      while (!bus.gone.aborted) {
        objects.changed(PATH, THING, 'Timeout');
        await bus.flushed();
        await turn();
      }
    };
    const call = async (bus: Bus): Promise<void> => {
      connections++;
      await bus.onSignal({ sender: NAME, pathNamespace: '/' }, () => signals++);
      while (!bus.gone.aborted) {
        calls.underWay++;
        try {
          await bus.call({ destination: NAME, path: '/', interface: MANAGER, member: 'GetManagedObjects' });
          answered();
        } catch (error) {
          isOfTheBus(error);
        } finally {
          calls.underWay--;
        }
        await turn();
      }
    };
    const kept = [serve, call].map(use =>
      keepConnected(
        bus => void use(bus).catch(isOfTheBus),
        () => {},
        privateBus.address,
      ),
    );
    t.after(() => {
      for (const one of kept) one.close();
    });
    for (let restart = 0; restart <= RESTARTS; restart++) {
      await new Promise<void>(resolve => {
        answered = resolve;
      });
      if (restart === RESTARTS) break;
      await privateBus.stop();
      await privateBus.start();
    }
    for (const one of kept) one.close();
    while (calls.underWay > 0 || openFiles() > filesBefore) await turn();
    assert.ok(connections > RESTARTS && signals > RESTARTS, `${connections} ${signals}`);
    assert.deepEqual(
      process.getActiveResourcesInfo().filter(name => name === 'Timeout' || name === 'PipeConnectWrap'),
      [],
    );
  },
);
