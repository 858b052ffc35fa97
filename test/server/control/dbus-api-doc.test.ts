import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientInterfaces } from '../../../server/control/client-interface.js';
import { ObjectPaths } from '../../../server/control/object-paths.js';
import { Operator } from '../../../server/control/operator.js';
import { serverInterfaces } from '../../../server/control/server-interface.js';
import { Heart } from '../client/heart.js';
import { controlled, Lines, SOURCES } from './scene.js';

test('docs/dbus-api.md names every method, signal and property', () => {
  const text = readFileSync(join(SOURCES, 'docs/dbus-api.md'), 'utf8');
  const heart = new Heart([]);
  const server = controlled(heart, new Lines());
  const paths = new ObjectPaths(heart.registry);
  const operator = new Operator(server, paths);
  const tables = [clientInterfaces(operator)[0], serverInterfaces(server, paths, operator)[0]];
  const names = tables.flatMap(({ methods, signals, properties }) => [
    ...Object.keys(methods ?? {}).map(name => `\`${name}(`),
    ...Object.keys(signals ?? {}).map(name => `\`${name}(`),
    ...Object.keys(properties ?? {}).map(name => `\`${name}\``),
  ]);
  assert.ok(names.length > 40);
  assert.deepEqual(
    names.filter(name => !text.includes(name)),
    [],
  );
});
