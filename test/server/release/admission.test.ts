import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../server/config/limits.js';
import type { AdmissionLimits, Ticket } from '../../../server/release/admission.js';
import { Admission, FAILED_PEERS_MAX } from '../../../server/release/admission.js';
import { ALONE_KEEPS_MS } from '../../../server/release/waiting-room.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A door with limits and a clock that a test sets. */
class Door {
  nowMs = 1_000_000;
  limits: AdmissionLimits = DEFAULT_LIMITS;
  readonly admission: Admission;

  constructor(limits: Partial<AdmissionLimits> = {}) {
    this.set(limits);
    this.admission = new Admission(
      () => this.limits,
      () => this.nowMs,
    );
  }

  set(limits: Partial<AdmissionLimits>): void {
    this.limits = { ...this.limits, ...limits };
  }

  /** Lets somebody in who must be let in. */
  enter(address: string): Ticket {
    const admitted = this.admission.admit(address);
    assert.equal(admitted.kind, 'admitted', `${address} ${JSON.stringify(admitted)}`);
    return admitted.ticket;
  }

  /** What becomes of a knock: 'admitted', and gone again, or the code. */
  knock(address: string): string {
    const admitted = this.admission.admit(address);
    if (admitted.kind === 'refused') return admitted.code;
    admitted.ticket.close();
    return 'admitted';
  }

  /** Comes and fails, so many times. @returns how often it was let in */
  fail(address: string, times: number): number {
    let count = 0;
    for (let i = 0; i < times; i++) {
      const admitted = this.admission.admit(address);
      if (admitted.kind === 'refused') continue;
      count++;
      admitted.ticket.failed();
      admitted.ticket.close();
    }
    return count;
  }
}

test('networks that are denied or not allowed are refused, and denied goes before allowed', () => {
  const door = new Door({ allow: '192.0.2.0/24 fe80::/10', deny: '192.0.2.7' });
  assert.equal(door.knock('::ffff:192.0.2.8'), 'admitted');
  assert.equal(door.knock('fe80::1%eth0'), 'admitted');
  assert.equal(door.knock('::ffff:192.0.2.7'), 'denied-network');
  assert.equal(door.knock('198.51.100.1'), 'denied-network');
  door.set({ allow: '198.51.100.0/24', deny: '' });
  assert.deepEqual(
    ['198.51.100.1', '192.0.2.8'].map(address => door.knock(address)),
    ['admitted', 'denied-network'],
  );
  door.set({ allow: '' });
  assert.equal(door.knock('192.0.2.8'), 'admitted', 'everybody again');
});

test('link-local addresses only', () => {
  const door = new Door({ linkLocalOnly: true });
  assert.equal(door.knock('fe80::1%eth0'), 'admitted');
  assert.equal(door.knock('169.254.3.4'), 'admitted');
  assert.equal(door.knock('2001:db8::1'), 'not-link-local');
  assert.equal(door.knock('::ffff:192.0.2.7'), 'not-link-local');
});

test('no more connections at once than that, in all', () => {
  const door = new Door({ maxConnections: 2 });
  const first = door.enter('192.0.2.1');
  door.enter('192.0.2.2');
  assert.equal(door.knock('192.0.2.3'), 'too-many');
  first.close();
  first.close();
  assert.equal(door.knock('192.0.2.3'), 'admitted');
  door.enter('192.0.2.3');
  assert.equal(door.knock('192.0.2.4'), 'too-many', 'a place is given back once');
  door.set({ maxConnections: 3 });
  assert.equal(door.knock('192.0.2.4'), 'admitted', 'a new limit is in effect at once');
});

test('when all places are taken, the oldest of the peer that has most of them gives its place to another', () => {
  const door = new Door({ maxConnections: 6 });
  const gone: string[] = [];
  const wait = (name: string, address: string) => {
    const ticket = door.enter(address);
    ticket.waits(() => {
      gone.push(name);
      ticket.failed();
      ticket.close();
    });
    return ticket;
  };
  wait('greedy 1', '192.0.2.1').proven();
  for (const name of ['greedy 2', 'greedy 3', 'greedy 4']) wait(name, '192.0.2.1');
  wait('other 1', '192.0.2.2');
  wait('other 2', '192.0.2.2');
  wait('newcomer 1', '192.0.2.3');
  assert.deepEqual(gone, ['greedy 2'], 'and not who has proven a key');
  wait('newcomer 2', '192.0.2.4');
  assert.deepEqual(gone, ['greedy 2', 'other 1'], 'of those who have as many, who has had them for longer');
  assert.equal(door.knock('192.0.2.1'), 'too-many', 'nobody makes room for one who has as many');
  assert.equal(door.admission.counts().connections, 6);
  assert.equal(
    door.admission.counts().refused['too-many'],
    3,
    'two that had to go, and one that was not let in',
  );
});

test('who has the only place of its peer keeps it for a second', () => {
  const door = new Door({ maxConnections: 2 });
  const gone: string[] = [];
  for (const address of ['192.0.2.1', '192.0.2.2']) {
    const ticket = door.enter(address);
    ticket.waits(() => {
      gone.push(address);
      ticket.close();
    });
    door.nowMs += ALONE_KEEPS_MS / 2;
  }
  door.nowMs -= 1;
  assert.equal(door.knock('192.0.2.3'), 'too-many');
  door.nowMs += 1;
  assert.equal(door.knock('192.0.2.3'), 'admitted');
  assert.deepEqual(gone, ['192.0.2.1']);
});

test('who proves its key when it is to go keeps its place, and another is asked', () => {
  const door = new Door({ maxConnections: 4 });
  const asked: string[] = [];
  const tickets = ['a', 'b', 'c', 'd'].map(name => ({ name, ticket: door.enter('192.0.2.1') }));
  for (const { name, ticket } of tickets) {
    ticket.waits(() => {
      asked.push(name);
      if (name === 'c') ticket.close();
      else ticket.proven();
    });
  }
  assert.equal(door.knock('192.0.2.2'), 'admitted');
  assert.deepEqual(asked, ['a', 'b', 'c']);
});

test('a newcomer whose failures are forgiven while room is made is counted once', () => {
  const door = new Door({ maxConnections: 2, maxFailedHandshakes: 60 });
  assert.equal(door.fail('192.0.2.9', 1), 1);
  for (let i = 0; i < 2; i++) {
    const ticket = door.enter('192.0.2.1');
    ticket.waits(() => ticket.close());
  }
  door.nowMs += MINUTE;
  door.enter('192.0.2.9').close();
  assert.equal(door.admission.remembered, 1);
  assert.equal(door.fail('192.0.2.9', 2), 2);
  assert.equal(door.admission.remembered, 2);
});

test('no more connections at once than that from one peer', () => {
  const door = new Door({ maxConnectionsPerAddress: 2 });
  const tickets = ['2001:db8::1', '2001:db8::2'].map(address => door.enter(address));
  assert.equal(door.knock('2001:db8::3'), 'too-many-from-address');
  assert.equal(door.knock('2001:db8:0:1::3'), 'admitted');
  tickets[0]?.close();
  assert.equal(door.knock('2001:db8::3'), 'admitted');
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1']) door.enter(address);
  assert.equal(door.knock('192.0.2.1'), 'too-many-from-address');
  for (let i = 0; i < 2; i++) door.enter('fe80::1%eth0');
  assert.equal(door.knock('fe80::1%eth0'), 'too-many-from-address');
  assert.equal(door.knock('fe80::1%eth1'), 'admitted');
});

test('who fails too often is refused until the rate is lower; the others are not', () => {
  const door = new Door({ maxFailedHandshakes: 7 });
  assert.equal(door.fail('192.0.2.1', 100), 7);
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
  assert.equal(door.knock('192.0.2.2'), 'admitted');
  const shareMs = MINUTE / 7;
  door.nowMs += shareMs - SECOND;
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
  door.nowMs += SECOND;
  assert.equal(door.fail('192.0.2.1', 100), 1, 'one more after its share of a minute');
  door.nowMs += 3 * shareMs;
  assert.equal(door.fail('192.0.2.1', 100), 3);
  door.nowMs += 10 * MINUTE;
  assert.equal(door.fail('192.0.2.1', 100), 7, 'never more than a minute has');
});

test('in any time no more fail than the rate allows, whatever the rate is', () => {
  for (const maxFailedHandshakes of [1, 3, 60, 1000]) {
    const door = new Door({ maxFailedHandshakes });
    let failed = 0;
    for (let second = 0; second <= 600; second++) {
      failed += door.fail('192.0.2.1', 2000);
      door.nowMs += SECOND;
    }
    const wanted = maxFailedHandshakes * 11;
    assert.ok(
      failed >= wanted - 1 && failed <= wanted + maxFailedHandshakes * 0.02 + 1,
      `${failed}, ${wanted}`,
    );
  }
});

test('success costs nothing, a failure counts once, a refusal not at all', () => {
  const door = new Door({ maxFailedHandshakes: 2 });
  for (let i = 0; i < 100; i++) assert.equal(door.knock('192.0.2.1'), 'admitted');
  const ticket = door.enter('192.0.2.1');
  for (let i = 0; i < 5; i++) ticket.failed();
  ticket.close();
  ticket.failed();
  assert.equal(door.fail('192.0.2.1', 50), 1);
  door.nowMs += MINUTE / 2;
  assert.equal(door.knock('192.0.2.1'), 'admitted', 'the refused ones have not put it off');
});

test('connections that fail together shut their peer out for no more than a minute', () => {
  const door = new Door({ maxFailedHandshakes: 60 });
  const tickets = Array.from({ length: 256 }, () => door.enter('192.0.2.1'));
  for (const ticket of tickets) ticket.failed();
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
  for (const ticket of tickets) ticket.close();
  door.nowMs += SECOND;
  assert.equal(door.knock('192.0.2.1'), 'admitted');
  door.nowMs += MINUTE;
  assert.equal(door.fail('192.0.2.1', 100), 60);
});

test('failures are remembered while a peer has connections, and after', () => {
  const door = new Door({ maxFailedHandshakes: 3 });
  const open = door.enter('192.0.2.1');
  assert.equal(door.fail('192.0.2.1', 2), 2);
  open.failed();
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
  open.close();
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
});

test('a peer is forgotten when it has neither connections nor failures', () => {
  const door = new Door();
  for (let i = 0; i < 100; i++) door.knock(`192.0.2.${i}`);
  assert.equal(door.admission.remembered, 0);
  for (let i = 0; i < 100; i++) door.fail(`192.0.2.${i}`, 1);
  assert.equal(door.admission.remembered, 100);
  const open = door.enter('192.0.2.1');
  door.nowMs += MINUTE;
  door.knock('192.0.2.200');
  assert.equal(door.admission.remembered, 1);
  open.close();
  assert.equal(door.admission.remembered, 0);
});

test('endless networks do not fill the memory, nor make the guilty be forgotten', () => {
  const door = new Door({ maxFailedHandshakes: 5 });
  door.fail('192.0.2.1', 5);
  const open = door.enter('192.0.2.2');
  for (let i = 0; i < FAILED_PEERS_MAX + 1000; i++) {
    door.fail(`2001:db8:${(i >> 8).toString(16)}:${(i & 0xff).toString(16)}::1`, 1);
  }
  assert.equal(door.admission.remembered, FAILED_PEERS_MAX + 1);
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
  open.close();
});

test('a lower limit of failures is in effect at once', () => {
  const door = new Door({ maxFailedHandshakes: 100 });
  door.fail('192.0.2.1', 60);
  assert.equal(door.knock('192.0.2.1'), 'admitted');
  door.set({ maxFailedHandshakes: 2 });
  assert.equal(door.knock('192.0.2.1'), 'too-many-failures');
});

test('the reason says which option it is and whom it is about', () => {
  const door = new Door({ maxConnectionsPerAddress: 1 });
  door.enter('2001:db8::1');
  const refused = door.admission.admit('2001:db8::2');
  assert.ok(refused.kind === 'refused');
  assert.equal(refused.reason, '2001:db8:0:0::/64 has 1 connection (max_connections_per_address)');
  door.set({ maxConnections: 1 });
  const full = door.admission.admit('192.0.2.1');
  assert.ok(full.kind === 'refused');
  assert.equal(full.reason, 'too many connections (max_connections)');
});

test('everything is counted', () => {
  const door = new Door({ maxConnections: 2, deny: '192.0.2.9', maxFailedHandshakes: 1 });
  door.enter('192.0.2.1');
  door.knock('192.0.2.9');
  door.fail('192.0.2.2', 2);
  const last = door.enter('192.0.2.3');
  door.knock('192.0.2.4');
  assert.deepEqual(door.admission.counts(), {
    connections: 2,
    admitted: 3,
    refused: {
      'denied-network': 1,
      'not-link-local': 0,
      'too-many': 1,
      'too-many-from-address': 0,
      'too-many-failures': 1,
    },
  });
  last.close();
  assert.equal(door.admission.counts().connections, 1);
});
