import { describe, expect, test } from 'vitest';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import { badInventories } from './bad-inventories.ts';
import { badRunbooks } from './bad-runbooks.ts';
import { swap, validInventory, validRunbook } from './valid-texts.ts';

const messagesOf = (result: ReturnType<typeof loadInventory> | ReturnType<typeof loadRunbook>) =>
  result.ok ? [] : result.problems.map((problem) => problem.message);
const inventory = (input: string | Uint8Array) => messagesOf(loadInventory(input, 'siteshift.yaml'));

test('the texts that the tables break are valid themselves', () => {
  expect(inventory(validInventory)).toEqual([]);
  expect(messagesOf(loadRunbook(validRunbook, 'runbooks/move.yaml'))).toEqual([]);
});

describe('an inventory with one mistake says which', () => {
  test.each(badInventories)('%s', (_, old, by, messages) => {
    expect(inventory(swap(validInventory, old, by))).toEqual(messages);
  });
});

describe('a runbook with one mistake says which', () => {
  test.each(badRunbooks)('%s', (_, old, by, messages) => {
    expect(messagesOf(loadRunbook(swap(validRunbook, old, by), 'runbooks/move.yaml'))).toEqual(messages);
  });
});

test('several mistakes are told at once, in the order of the file', () => {
  const text = swap(
    swap(validInventory, 'engine: mysql', 'engine: oracle'),
    'buckets: 50-99',
    'buckets: all',
  );
  expect(inventory(swap(text, 'domain: shop', 'domain: 7'))).toEqual([
    'siteshift.yaml:2:9 domain: expected a text, saw 7',
    'siteshift.yaml:8:13 databases.orders.engine: expected "mysql" or "mariadb", saw "oracle"',
    'siteshift.yaml:51:36 routing.units.west-a.buckets: expected bucket numbers and ranges, e.g. "0-49" or "0-9,20,30-39", saw "all"',
  ]);
});

test('wrong names are told beside wrong values, and what a wrong member is the cause of is not', () => {
  const mistakes: readonly (readonly [string, string])[] = [
    ['domain: shop', 'domain: 7'],
    ['engine: mysql', 'engine: oracle'], // the datasource that names this database is right
    ['database: billing', 'database: nobody'],
    ['gw-2: { site: west', 'gw-2: { site: mars'],
    ['buckets: 50-99', 'buckets: 50-99, colour: red'], // that nobody has its buckets then is no mistake of its own
  ];
  const text = mistakes.reduce((before, [old, by]) => swap(before, old, by), validInventory);
  expect(inventory(text)).toEqual([
    'siteshift.yaml:2:9 domain: expected a text, saw 7',
    'siteshift.yaml:8:13 databases.orders.engine: expected "mysql" or "mariadb", saw "oracle"',
    'siteshift.yaml:36:15 datasources.billing-rw.database: expected a database: "billing" or "orders", saw "nobody"',
    'siteshift.yaml:46:17 gateways.gw-2.site: expected a site: "east" or "west", saw "mars"',
    'siteshift.yaml:51:43 routing.units.west-a.colour: expected one of the keys "site", "buckets" or "takenOverBy", saw the key "colour"',
  ]);
});

test('the order is judged beside wrong names, and only where they leave it clear', () => {
  const text = `version: 1
name: move
description: Four mistakes.
steps:
  - { id: one, uses: hold, needs: [nobody], with: { holdMs: 1, then: commit } }
  - { id: two, uses: hold, needs: [three], with: { holdMs: 1, then: commit } }
  - { id: three, uses: hold, needs: [two], with: { holdMs: 1, then: commit } }
  - { id: open, uses: openUnits, with: { units: [a], to: '\${to}' } }
  - { id: open-later, uses: openUnits, needs: [one], with: { units: [a], to: east } }
`;
  expect(messagesOf(loadRunbook(text, 'runbooks/move.yaml'))).toEqual([
    'runbooks/move.yaml:5:36 steps[0].needs[0]: expected a step: "one", "two", "three", "open" or "open-later", saw "nobody"',
    'runbooks/move.yaml:6:35 steps[1].needs: expected steps without a cycle, saw two needs three needs two',
    expect.stringMatching(
      /^runbooks\/move\.yaml:8:\d+ steps\[3\]\.needs: expected a fenceUnits step .*, saw none$/,
    ),
    'runbooks/move.yaml:8:58 steps[3].with.to: expected a declared parameter (there are none), saw ${to}',
  ]);
});

/** Ten levels of ten aliases each: ten thousand million nodes, if anybody expanded them. */
function yamlBomb(): string {
  const levels = Array.from({ length: 10 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
      : `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(',')}]`,
  );
  return levels.join('\n');
}

describe('a file that is no inventory at all is refused as a whole', () => {
  test.each<readonly [string, string | Uint8Array, string]>([
    ['empty', '', '1:1: expected a YAML map, saw an empty file'],
    ['only a comment', '# later\n', '1:1: expected a YAML map, saw an empty file'],
    ['a word', 'hello', '1:1: expected a map, saw "hello"'],
    ['a list', '- a', '1:1: expected a map, saw a list of 1 item'],
    ['two documents', `${validInventory}---\na: b\n`, '54:1: expected one document, saw a second one'],
    [
      'Latin-1',
      Buffer.from('domain: caf\xe9', 'latin1'),
      '1:1: expected UTF-8 text, saw bytes that are not UTF-8',
    ],
    ['UTF-16', Buffer.from(validInventory, 'utf16le'), '1:2: expected text, saw a NUL character'],
    [
      'over a megabyte',
      validInventory + '#'.repeat(1024 * 1024),
      `1:1: expected at most 1048576 bytes, saw ${1024 * 1024 + validInventory.length} bytes`,
    ],
    [
      'a YAML bomb',
      yamlBomb(),
      '1:1: expected aliases that stand for at most 100 nodes, saw more (a YAML bomb?)',
    ],
    [
      'a hundred thousand brackets',
      `a: ${'['.repeat(100_000)}`,
      '1:1: expected at most 100 levels, saw deeper nesting',
    ],
    [
      'an alias to what it stands in',
      'a: &a [*a]',
      '1:8: expected an alias to something else, saw *a inside &a',
    ],
    ['keys that are equal as text', 'a: {1: x, "1": y}', '1:11: expected each key once, saw "1" again'],
    ['a map as key', '{a: b}: c', '1:1: expected a name as key, saw a list or a map'],
    ['__proto__ as key', 'a: {__proto__: {b: c}}', '1:5: expected another key, saw "__proto__"'],
  ])('%s', (_, input, message) => {
    expect(inventory(input)).toEqual([`siteshift.yaml:${message}`]);
  });
});

test('nesting without brackets is refused, too, with one message', () => {
  const messages = inventory(`${'- '.repeat(100_000)}a`);
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(/^siteshift\.yaml:1:\d+: expected at most 100 levels, saw deeper nesting$/);
});

describe('what may be a secret is never quoted back', () => {
  test.each([
    ['a password in plain text', "password: 'env:ORDERS_ADMIN'", 'password: S3cr3t-word'],
    ['a password that is a number', "password: 'env:ORDERS_ADMIN'", 'password: 53721'],
    ['a token', "token: 'env:PAGE'", "token: 'S3cr3t-word'"],
    ['a URL with a password', 'http://hooks.example/page', 'http://me:S3cr3t-word@hooks.example/page'],
    ['a quote that is not closed', "password: 'env:ORDERS_ADMIN'", "password: 'S3cr3t-word"],
    ['a mistake in the same line', "password: 'env:ORDERS_ADMIN'", 'password: S3cr3t-word: 53721'],
  ])('%s', (_, old, by) => {
    const messages = inventory(swap(validInventory, old, by));
    expect(messages).not.toEqual([]);
    expect(messages.join('\n')).not.toMatch(/S3cr3t-word|53721/);
  });
});
