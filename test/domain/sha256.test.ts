import { createHash } from 'node:crypto';
import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../domain/sha256.ts';

const nodes = (text: string): string => createHash('sha256').update(text).digest('hex');

test('digests are those of Node, around the length of every block, and over a whole plan', () => {
  const lengths = [...Array.from({ length: 260 }, (_, length) => length), 1_000_003];
  for (const length of lengths) {
    const text = Array.from({ length }, (_, index) => String.fromCharCode(32 + (index % 90))).join('');
    expect(sha256Hex(text)).toBe(nodes(text));
  }
});

test('every text has the digest that Node gives it, halves of characters included', () => {
  assert(property(string({ unit: 'binary' }), (text) => sha256Hex(text) === nodes(text)));
  expect(sha256Hex('\ud800 ü 🙂')).toBe(nodes('\ud800 ü 🙂'));
});
