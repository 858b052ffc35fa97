import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, events, GONE, live, NOW_MS, TestScreen, waiting } from './scene.js';

const three = (columns?: number, rows?: number) =>
  new TestScreen(columns, rows).take(live(client('a'), client('b'), client('c')));

const selected = (screen: TestScreen) => screen.model.selected?.replace('/clients/', '');

/** The calls that keys led to, in short. */
const calls = (screen: TestScreen) =>
  screen.effects().map(effect => {
    if (effect.kind !== 'request') return effect.kind;
    const { call } = effect.request;
    if (call.kind === 'set') return `${call.path} ${call.property}=${call.value}`;
    return call.kind === 'remove'
      ? `remove ${call.path}`
      : `${call.path} ${call.member}(${call.approve ?? ''})`;
  });

test('keys for the selected client ask the server for what they say', () => {
  const screen = three().keys('down');
  assert.deepEqual(calls(screen.keys('+')), ['/clients/b Enabled=true']);
  assert.deepEqual(calls(screen.keys('s')), ['/clients/b CheckerRunning=true']);
  assert.deepEqual(calls(screen.keys('S')), ['/clients/b CheckerRunning=false']);
  assert.deepEqual(calls(screen.keys('C')), ['/clients/b CheckedOK()']);
  assert.deepEqual(calls(screen.keys('a')), ['/clients/b Approve(true)']);
  assert.deepEqual(calls(screen.keys('d')), ['/clients/b Approve(false)']);
});

for (const [keys, question, call] of [
  [['-'], 'Disable b?', '/clients/b Enabled=false'],
  [['R', '_', 'C-k'], 'Remove b from the server?', 'remove /clients/b'],
] as const) {
  test(`${question} is asked once, and y does it`, () => {
    for (const key of keys) {
      const screen = three().keys('down', key);
      assert.deepEqual(calls(screen), []);
      assert.ok(screen.text().includes(question));
      for (const no of ['n', 'enter', 'space', key, 'escape']) {
        assert.deepEqual(calls(screen.keys(no)), [], no);
        assert.ok(!screen.text().includes(question));
        screen.keys(key);
      }
      assert.deepEqual(calls(screen.press(10, 5).keys('y')), []);
      assert.deepEqual(calls(screen.keys(key, 'y')), [call]);
      assert.ok(!screen.text().includes(question));
    }
  });
}

test('what was asked about is done, whatever was selected meanwhile', () => {
  const screen = three()
    .keys('-')
    .take(live(waiting('0'), client('a'), client('b')));
  assert.deepEqual(calls(screen.keys('y')), ['bell', '/clients/a Enabled=false']);
});

test('a new request for approval rings the bell once', () => {
  const screen = new TestScreen().take(live(client('a'), waiting('b')));
  assert.deepEqual(calls(screen), ['bell']);
  assert.deepEqual(calls(screen.take(live(client('a'), waiting('b')))), []);
  assert.deepEqual(calls(screen.take(live(waiting('a'), waiting('b')))), ['bell']);
  assert.deepEqual(calls(screen.take(live(client('a'), client('b')))), []);
  assert.deepEqual(calls(screen.take(live(client('a'), waiting('b')))), ['bell']);
});

test('an answer goes to a client that waits: the first key selects it when another one is selected', () => {
  const screen = three().take(live(client('a'), client('b'), waiting('c')));
  assert.equal(selected(screen), 'a');
  screen.effects();
  assert.deepEqual(calls(screen.keys('d')), []);
  assert.equal(selected(screen), 'c');
  assert.match(screen.text(), /a does not wait for approval, but c does: again to deny it$/);
  assert.deepEqual(calls(screen.keys('d')), ['/clients/c Approve(false)']);
});

test('the selection stays with its client when the list changes, and with its place when that client goes', () => {
  const screen = three().keys('down');
  assert.equal(selected(screen), 'b');
  assert.equal(selected(screen.take(live(client('0'), client('a'), client('b'), client('c')))), 'b');
  assert.equal(selected(screen.take(live(client('0'), client('a'), client('c')))), 'c');
  assert.equal(selected(screen.take(live(client('0')))), '0');
  assert.equal(selected(screen.take(live())), undefined);
  assert.deepEqual(calls(screen.keys('+')), []);
  assert.match(screen.text(), /no client is selected$/);
});

test('keys move the selection through a list that is longer than the screen', () => {
  const clients = Array.from({ length: 100 }, (_, i) => client(`c${i}`));
  const screen = new TestScreen().take(live(...clients));
  const sees = () => [selected(screen), screen.names()[0], screen.names().at(-1)];
  const page = screen.names().length;
  assert.deepEqual(sees(), ['c0', 'c0', `c${page - 1}`]);
  screen.keys(...Array.from({ length: page }, () => 'j'));
  assert.deepEqual(sees(), [`c${page}`, 'c1', `c${page}`]);
  assert.equal(selected(screen.keys('k')), `c${page - 1}`);
  assert.deepEqual([...screen.keys('end').names()].at(-1), 'c99');
  assert.equal(selected(screen.keys('b')), `c${99 - page}`);
  assert.equal(selected(screen.keys('f', 'f')), 'c99');
  assert.deepEqual(sees().slice(0, 1), [selected(screen)]);
  assert.deepEqual(screen.keys('home').names()[0], 'c0');
  assert.equal(selected(screen.keys('pagedown')), `c${page}`);
  assert.equal(selected(screen.keys('pageup')), 'c0');
});

test('a server that is gone leaves its last state, greyed, and nothing can be done to it', () => {
  const screen = three().take(GONE);
  assert.deepEqual(screen.names(), ['a', 'b', 'c']);
  assert.equal(screen.look(/^b +$/), 'faint');
  assert.match(screen.text(), /The Mandos server is gone since 14:00:00/);
  assert.deepEqual(calls(screen.keys('+')), []);
  assert.match(screen.text(), /cannot enable a: the Mandos server is not there$/);
  assert.deepEqual(calls(screen.keys('-', 'y')), []);
  screen.take(live(client('d')));
  assert.deepEqual(screen.names(), ['d']);
  assert.doesNotMatch(screen.text(), /gone/);
});

test('clients that a server takes away while it is stopped are part of its last state', () => {
  const screen = three().take(live(client('a')));
  screen.nowMs += 5_000;
  screen.take(live());
  screen.nowMs += 5_000;
  assert.deepEqual(screen.take(GONE).names(), ['a', 'b', 'c']);
  // One that was removed long before is not.
  screen.take(live(client('a'), client('b')), live(client('a')));
  screen.nowMs += 15_000;
  assert.deepEqual(screen.take(live(client('a')), GONE).names(), ['a']);
});

test('a question that was asked when the server went away does nothing', () => {
  const screen = three().keys('R').take(GONE).keys('y');
  assert.deepEqual(calls(screen), []);
  assert.match(screen.text(), /cannot remove a from the server: the Mandos server is not there$/);
});

test('what is typed behind / filters at once; Enter keeps it and Esc ends it', () => {
  const screen = new TestScreen().take(live(client('web1'), client('web2'), client('qR-')));
  assert.deepEqual(screen.keys('/', 'w', 'e', 'b').names(), ['web1', 'web2']);
  assert.deepEqual(screen.keys('space', '2').names(), ['web2']);
  assert.match(screen.text(), /Filter: web 2/);
  assert.deepEqual(screen.keys('backspace', 'backspace').names(), ['web1', 'web2']);
  assert.deepEqual(screen.keys('enter').names(), ['web1', 'web2']);
  assert.match(screen.text(), /"web": 2 of 3 clients$/);
  assert.deepEqual(screen.keys('escape').names(), ['qR-', 'web1', 'web2']);
  // Keys that do something elsewhere are letters here.
  assert.deepEqual(screen.keys('/', 'q', 'R', '-').names(), ['qR-']);
  assert.deepEqual(screen.keys('C-u', 'x', 'y').names(), []);
  assert.match(screen.text(), /No client has these words/);
  assert.deepEqual(screen.keys('escape').names(), ['qR-', 'web1', 'web2']);
  assert.deepEqual(calls(screen), []);
});

test('a fault of the server is said below and in the log', () => {
  const screen = three().take({ kind: 'failed', text: 'could not enable a: the server refused: no' });
  assert.equal(screen.text().match(/could not enable a: the server refused: no/g)?.length, 2);
  screen.nowMs += 5_000;
  screen.take({ kind: 'tick' });
  assert.equal(screen.text().match(/could not enable a: the server refused: no/g)?.length, 1);
});

test('q and Ctrl-C quit, Ctrl-L draws again, Ctrl-Z suspends', () => {
  assert.deepEqual(calls(three().keys('q', 'Q', 'C-c', 'C-l', 'C-z')), [
    'quit',
    'quit',
    'quit',
    'redraw',
    'suspend',
  ]);
  // A question or a filter does not keep one in the program.
  assert.deepEqual(calls(three().keys('-', 'C-c')), ['quit']);
  assert.deepEqual(calls(three().keys('/', 'C-c')), ['quit']);
  assert.deepEqual(calls(three().keys('?', 'C-c')), ['quit']);
});

test('o goes through the columns to sort by, and O turns the order round', () => {
  const screen = three();
  const heading = () => /^ {2}(NAME.*)$/m.exec(screen.text())?.[1]?.replace(/ +(?=[▲▼])/, '');
  assert.match(heading() ?? '', /NAME▲/);
  assert.match(screen.keys('O') && (heading() ?? ''), /NAME▼/);
  assert.deepEqual(screen.names(), ['c', 'b', 'a']);
  for (const title of ['STATE', 'HOST', 'EXPIRES', 'CHECK', 'RELEASE', 'NAME'])
    assert.match(screen.keys('o') && (heading() ?? ''), new RegExp(`${title}▲`));
});

test('the mouse selects, opens details, sorts, and asks nothing of the server', () => {
  const screen = three();
  assert.equal(selected(screen.press(10, 3)), 'b');
  assert.match(screen.press(10, 3).text(), /Fingerprint/);
  assert.doesNotMatch(screen.keys('escape').text(), /Fingerprint/);
  assert.deepEqual(screen.press(3, 1).names(), ['c', 'b', 'a']);
  screen.take({ kind: 'mouse', action: 'wheel-down', column: 5, row: 5 });
  assert.equal(selected(screen), 'a');
  screen.take(live(client('a'), client('b'), waiting('c')));
  assert.equal(selected(screen.press(10, 1)), 'c');
  assert.deepEqual(calls(screen), ['bell']);
});

test('l hides the log, w cuts its lines, v shows checks that went well', () => {
  const command = 'ping '.repeat(30).trim();
  const about = { path: '/clients/a', name: 'a', atMs: NOW_MS } as const;
  const screen = three().take(
    events(
      { ...about, kind: 'checker-started', command: 'x' },
      { ...about, kind: 'checker-completed', exitStatus: 0, waitStatus: 0, command: 'x' },
      { ...about, kind: 'checker-completed', exitStatus: 1, waitStatus: 256, command },
    ),
  );
  const log = () => screen.text().split('── log')[1]?.split('\n').slice(1, -1).filter(Boolean);
  assert.equal(log()?.length, 4);
  assert.equal(screen.keys('w') && log()?.length, 1);
  assert.match(screen.text(), /── log, lines cut ─/);
  assert.equal(screen.keys('v') && log()?.length, 3);
  assert.match(screen.text(), /a: checker started: x\n.*a: checker succeeded: x\n.*a: checker failed/);
  assert.equal(screen.keys('l') && log(), undefined);
  assert.equal(screen.keys('D') && log()?.length, 3);
});

test('Tab leads to the log, which can be read while new lines come', () => {
  const line = (i: number) =>
    ({ kind: 'got-secret', path: '/clients/a', name: `n${i}`, atMs: NOW_MS }) as const;
  const screen = three().take(events(...Array.from({ length: 50 }, (_, i) => line(i))));
  const last = () => /.* (n\d+): /.exec(screen.text().split('\n').at(-2) ?? '')?.[1];
  assert.equal(last(), 'n49');
  screen.keys('tab', 'up', 'up');
  assert.equal(last(), 'n47');
  assert.equal(selected(screen), 'a');
  screen.take(events(line(50), line(51)));
  assert.equal(last(), 'n47');
  assert.equal(screen.keys('end') && last(), 'n51');
  assert.equal(screen.keys('home', 'tab', 'down') && selected(screen), 'b');
});
