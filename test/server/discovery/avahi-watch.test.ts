import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../common/log.js';
import { watchAvahi } from '../../../server/discovery/avahi-watch.js';
import { goodReply, rawMessage, startFalseBus } from '../../common/dbus/false-bus.js';

test('a message of the bus that cannot be read is told at debug level', { timeout: 60_000 }, async t => {
  const bus = await startFalseBus(t);
  const malformed = rawMessage({ fields: [[1, 'ay', Buffer.alloc(4)]] });
  bus.answer = serial => Buffer.concat([malformed, goodReply(serial)]);
  process.env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address;
  const line = await new Promise<string>(resolve => {
    const log = createLog({ write: (level, message) => resolve(`${level}: ${message}`) }, 'debug');
    const watch = watchAvahi({ available: () => {}, unavailable: () => {} }, log);
    t.after(() => watch.close());
  });
  assert.match(line, /^debug: D-Bus: a message was dropped: /);
});
