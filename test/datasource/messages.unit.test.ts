import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkAcknowledgement,
  checkRegisteredConsumer,
  parseDocument,
} from '../../domain/datasource-messages.ts';

const document = {
  epoch: 5,
  operation: 'failover/shop/5',
  datasource: 'orders',
  domain: 'shop',
  engine: 'mariadb',
  primary: 'west-1',
  host: 'west-1.example',
  port: 3306,
  schema: 'shop',
  user: 'shop',
  password: 'env:SHOP',
  serverIdentity: '12',
};
const { epoch: _epoch, ...withoutEpoch } = document;
const json = (value: unknown) => JSON.stringify(value);

describe('a document is refused', () => {
  test.each<[string, string, string]>([
    ['that is no JSON', 'spring: x', 'document: not JSON'],
    ['that is cut off', '{"epoch": 5', 'document: not JSON (position 11)'],
    ['that is a list', '[]', 'document: expected a JSON object, seen a list of 0'],
    ['that is a text', '"x"', 'document: expected a JSON object, seen "x"'],
    ['that is null', 'null', 'document: expected a JSON object, seen null'],
    ['that is too long', ' '.repeat(70_000), 'document: expected at most 65536 characters, seen 70000'],
    [
      'without an epoch',
      json(withoutEpoch),
      'document: epoch: expected a whole number from 1 to 9007199254740991, seen nothing',
    ],
    [
      'with an epoch as text',
      json({ ...document, epoch: '5' }),
      'document: epoch: expected a whole number from 1 to 9007199254740991, seen "5"',
    ],
    [
      'with epoch 0',
      json({ ...document, epoch: 0 }),
      'document: epoch: expected a whole number from 1 to 9007199254740991, seen 0',
    ],
    [
      'with an epoch beyond what is exact',
      json({ ...document, epoch: 2 ** 60 }),
      'document: epoch: expected a whole number from 1 to 9007199254740991, seen 1152921504606847000',
    ],
    [
      'with a port out of range',
      json({ ...document, port: 70_000 }),
      'document: port: expected a whole number from 1 to 65535, seen 70000',
    ],
    [
      'of an engine nobody knows',
      json({ ...document, engine: 'oracle' }),
      'document: engine: expected mysql or mariadb, seen "oracle"',
    ],
    [
      'with a line break in the host',
      json({ ...document, host: 'a\nb' }),
      'document: host: expected a text of 1 to 256 printable characters, seen "a\\nb"',
    ],
    [
      'that holds the password itself',
      json({ ...document, password: 'hunter2' }),
      'document: password: expected a reference env:NAME or file:PATH, seen something else',
    ],
    [
      'with two problems, both named',
      json({ ...document, user: '', schema: 7 }),
      'document: schema: expected a text of 1 to 64 printable characters, seen 7; user: expected a text of 1 to 128 printable characters, seen ""',
    ],
    [
      'with a canary that is no list',
      json({ ...document, canary: 'a' }),
      'document: canary: expected a list of consumer names, seen "a"',
    ],
    [
      'with a canary of numbers',
      json({ ...document, canary: [1] }),
      'document: canary: expected a list of consumer names, seen a list of 1',
    ],
    [
      'with a candidate that has no port',
      json({ ...document, candidates: [{ node: 'a', host: 'b' }] }),
      'document: candidates: port: expected a whole number from 1 to 65535, seen nothing',
    ],
    [
      'with a candidate that brings more',
      json({ ...document, candidates: [{ node: 'a', host: 'b', port: 1, user: 'root' }] }),
      'document: candidates: user: not a field of document: candidates',
    ],
    [
      'with a previous one that is none',
      json({ ...document, previous: { epoch: 1 } }),
      'document: previous: operation: expected a text of 1 to 256 printable characters, seen nothing',
    ],
    [
      'with nested unknown fields',
      json({ ...document, extra: { deep: { deeper: 1 } } }),
      'document: extra: expected a plain value or a list of them, seen an object',
    ],
    [
      'with nested unknown fields in the previous one',
      json({ ...document, previous: { ...document, extra: [[]] } }),
      'document: previous: extra: expected a plain value or a list of them, seen a list of 1',
    ],
  ])('%s', (_, content, message) => {
    expect(() => parseDocument(content)).toThrow(expect.objectContaining({ name: 'MalformedMessage' }));
    expect(() => parseDocument(content)).toThrow(message);
  });
});

test('a later version may add flat fields to a document', () => {
  expect(parseDocument(json({ ...document, region: 'eu', tags: ['x'] }))).toMatchObject({ region: 'eu' });
});

describe('an acknowledgement is refused', () => {
  const acknowledgement = {
    epoch: 5,
    operation: 'failover/shop/5',
    datasource: 'orders',
    consumer: 'a',
    digest: '0'.repeat(64),
    appliedAt: 1,
    via: 'center',
  };
  test('unless it is one', () => {
    expect(checkAcknowledgement(acknowledgement)).toEqual(acknowledgement);
    expect(checkAcknowledgement({ ...acknowledgement, refused: 'no' })).toMatchObject({ refused: 'no' });
  });
  test.each<[string, unknown, string]>([
    ['that is a number', 7, 'acknowledgement: expected a JSON object, seen 7'],
    [
      'with a digest of other length',
      { ...acknowledgement, digest: 'abc' },
      'acknowledgement: digest: expected a SHA-256 of 64 lower-case hexadecimal digits, seen "abc"',
    ],
    [
      'with a digest in capitals',
      { ...acknowledgement, digest: 'A'.repeat(64) },
      `acknowledgement: digest: expected a SHA-256 of 64 lower-case hexadecimal digits, seen "${'A'.repeat(64)}"`,
    ],
    [
      'that came another way',
      { ...acknowledgement, via: 'pigeon' },
      'acknowledgement: via: expected center or collector, seen "pigeon"',
    ],
    [
      'with fields of its own',
      { ...acknowledgement, force: true },
      'acknowledgement: force: not a field of acknowledgement',
    ],
    [
      'with a consumer that breaks log lines',
      { ...acknowledgement, consumer: 'a\u001b[2J' },
      'acknowledgement: consumer: expected a text of 1 to 128 printable characters, seen "a\\u001b[2J"',
    ],
    [
      'with an inherited field',
      Object.create(acknowledgement),
      'acknowledgement: epoch: expected a whole number from 1 to 9007199254740991, seen nothing',
    ],
  ])('%s', (_, value, message) => {
    expect(() => checkAcknowledgement(value)).toThrow(message);
  });
});

/** What reading ends in: a value, or an error of this name. */
function endOf(read: () => unknown): string {
  try {
    return read() === undefined ? 'nothing' : 'read';
  } catch (error) {
    return (error as Error).name;
  }
}

test('whatever a registry holds, reading an entry gives a consumer or a message, nothing else', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(['read', 'MalformedMessage']).toContain(endOf(() => checkRegisteredConsumer(value)));
    }),
  );
});

test('whatever text a key holds, reading it gives a document or a message, nothing else', () => {
  const nested = fc.jsonValue().map((value) => json({ ...document, previous: value, more: value }));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), nested), (content) => {
      expect(['read', 'MalformedMessage']).toContain(endOf(() => parseDocument(content)));
    }),
  );
});
