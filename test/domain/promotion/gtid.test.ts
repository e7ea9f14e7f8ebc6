import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countBeyond,
  formatGtids,
  gtidsBeyond,
  missingGtids,
  parseGtids,
  unionOfGtids,
} from '../../../domain/promotion/mariadb-gtid.ts';
import { countGtids, onlyServer, withoutServer } from '../../../domain/promotion/mysql-gtid.ts';

const gtid = fc.record({
  domain: fc.integer({ min: 0, max: 2 }),
  server: fc.integer({ min: 1, max: 4 }),
  sequence: fc.bigInt({ min: 1n, max: 9_007_199_254_740_993n }),
});
/** One GTID for each (domain, server), as gtid_binlog_state has it. */
const state = fc
  .uniqueArray(gtid, { selector: ({ domain, server }) => `${domain}-${server}`, maxLength: 8 })
  .map(formatGtids);

describe('MariaDB positions', () => {
  it('are read as they are written', () => {
    fc.assert(fc.property(state, (text) => formatGtids(parseGtids(text)) === text));
    expect(() => parseGtids('0-1')).toThrow('expected domain-server-sequence, saw "0-1"');
  });

  it('a state contains itself, and nothing lies beyond it', () => {
    fc.assert(
      fc.property(state, (text) => {
        expect(missingGtids(text, text)).toEqual([]);
        expect(gtidsBeyond(text, text)).toEqual([]);
        expect(countBeyond(text, text)).toBe(0);
      }),
    );
  });

  it('the same sequence by another server is divergence, not containment', () => {
    expect(formatGtids(missingGtids('0-1-100', '0-2-100'))).toBe('0-2-100');
    expect(formatGtids(missingGtids('0-1-100,0-2-99', '0-2-100'))).toBe('0-2-100');
    expect(missingGtids('0-1-100,0-2-101', '0-2-100')).toEqual([]);
  });

  it('a union is as far as the farthest, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 4 }), (lists) => {
        const union = unionOfGtids(lists);
        for (const list of lists) expect(countBeyond(list, union)).toBe(0);
        const other = unionOfGtids(lists.toReversed());
        expect(countBeyond(union, other) + countBeyond(other, union)).toBe(0);
      }),
    );
  });
});

describe('MySQL positions', () => {
  const a = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const b = '4e11fa47-71ca-11e1-9e33-c80aa9429562';
  it('are counted over intervals, servers and tags', () => {
    expect(countGtids(`${a}:1-5:7,\n${b}:11`)).toBe(7);
    expect(countGtids(`${a}:1-5:tag:3-4`)).toBe(7);
    expect(countGtids('')).toBe(0);
  });
  it('are split by the server that wrote them', () => {
    const both = `${a}:1-5,${b}:1`;
    expect(onlyServer(both, a.toUpperCase())).toBe(`${a}:1-5`);
    expect(withoutServer(both, a)).toBe(`${b}:1`);
  });
});
