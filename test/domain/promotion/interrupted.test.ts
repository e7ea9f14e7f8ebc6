import { describe, expect, it } from 'vitest';
import { decidePromotion } from '../../../domain/promotion/decide-promotion.ts';
import type { NodeFacts } from '../../../domain/promotion/facts.ts';
import { findPrimary } from '../../../domain/promotion/find-primary.ts';
import { cluster, lost, move, node, observed, row } from './nodes.ts';

const intended = [row('intended', 10)];
const opened = [...intended, row('opened', 10)];
const east = (more: Parameters<typeof node>[1] = {}) => node('east-1', { journal: intended, ...more });
const west = (more: Parameters<typeof node>[1] = {}) => node('west-1', { journal: intended, ...more });
const other = (follows: 'east-1' | 'west-1', journal = intended) => node('west-2', { follows, journal });
const stopped = { receiver: 'off', applier: 'off' } as const;

interface Case {
  readonly what: string;
  readonly nodes: readonly NodeFacts[];
  readonly primary: string;
  readonly from?: string;
  /** What operation op-20, graceful and forced, decides about a move from east-1 to the west. */
  readonly graceful: RegExp;
  readonly forced: RegExp;
}

const again = /^apply: open east-1 again, which operation op-10 froze at epoch 10 and left; freeze east-1/;
const cases: readonly Case[] = [
  {
    what: 'frozen, nothing else done',
    nodes: [east(), west({ follows: 'east-1' }), other('east-1')],
    primary: 'east-1',
    graceful: again,
    forced: /^apply: freeze east-1 if it lets us/,
  },
  {
    what: 'candidate stopped, sibling pointed at it',
    nodes: [east(), west({ follows: 'east-1', channel: stopped }), other('west-1')],
    primary: 'east-1',
    graceful: again,
    forced: /^apply: freeze east-1/,
  },
  {
    what: 'candidate detached: the intention tells who was the primary',
    nodes: [east(), west(), other('west-1')],
    primary: 'east-1',
    graceful: again,
    forced: /^apply: freeze east-1/,
  },
  {
    what: 'the same, and the old primary is lost, too',
    nodes: [lost('east-1'), west(), other('west-1')],
    primary: 'east-1',
    graceful: /^refuse: east-1 cannot be frozen/,
    forced: /^apply: east-1 cannot be reached: go by what the standbys received/,
  },
  {
    what: 'the candidate cannot be asked whether it is open',
    nodes: [east(), lost('west-1'), other('west-1')],
    primary: 'east-1',
    graceful: /^refuse: west-1 cannot be reached, and operation op-10 was about to open it at epoch 10/,
    forced: /^refuse: west-1 cannot be reached, .* answer acceptUnfenced/,
  },
  {
    what: 'on record and closed',
    nodes: [east(), west({ journal: opened }), other('west-1', opened)],
    primary: 'west-1',
    from: 'east-1',
    graceful:
      /^apply: finish what operation op-10 began at epoch 10; open west-1, which the journal names; make east-1 follow/,
    forced: /^apply: finish what operation op-10 began at epoch 10; open west-1/,
  },
  {
    what: 'open, the old primary not demoted',
    nodes: [east(), west({ journal: opened, open: true }), other('west-1', opened)],
    primary: 'west-1',
    from: 'east-1',
    graceful: /^apply: finish what operation op-10 began at epoch 10; make east-1 follow west-1$/,
    forced: /^apply: finish what operation op-10 began at epoch 10; make east-1 follow west-1$/,
  },
  {
    what: 'all done',
    nodes: [
      east({ follows: 'west-1', journal: opened }),
      west({ journal: opened, open: true }),
      other('west-1', opened),
    ],
    primary: 'west-1',
    graceful: /^already: orders: west-1 is primary at epoch 10, by operation op-10$/,
    forced: /^already/,
  },
  {
    what: 'an emergency without any journal: candidate detached, nobody open',
    nodes: [lost('east-1'), node('west-1'), node('west-2', { follows: 'west-1' })],
    primary: 'west-1',
    from: 'east-1',
    graceful: /^refuse: east-1 cannot be frozen/,
    forced: /^apply: east-1 cannot be reached/,
  },
  {
    what: 'on record, but moved back by hand since: the servers count, not the old row',
    nodes: [
      lost('east-1'),
      west({ follows: 'east-1', journal: opened, channel: { receiver: 'connecting' } }),
      other('east-1', opened),
    ],
    primary: 'east-1',
    graceful: /^refuse: east-1 cannot be frozen/,
    forced: /^apply: east-1 cannot be reached/,
  },
  {
    what: 'given back after a refusal: the intention alone means nothing while the primary is open',
    nodes: [east({ open: true }), west({ follows: 'east-1' }), other('east-1')],
    primary: 'east-1',
    graceful: /^apply: freeze east-1; promote west-1/,
    forced: /^apply: freeze east-1/,
  },
];

function words(decision: ReturnType<typeof decidePromotion>): string {
  if (decision.kind === 'already') return `already: ${decision.because}`;
  const said = { apply: 'will', refuse: 'reasons', wait: 'for' } as const;
  const sentences: unknown = Object.entries(decision).find(([key]) => key === said[decision.kind])?.[1];
  return `${decision.kind}: ${(sentences as readonly string[]).join('; ')}`;
}

describe('after an operation that ended in mid-promotion', () => {
  it.each(cases)('$what', ({ nodes, primary, from, graceful, forced }) => {
    const found = findPrimary(nodes, cluster().nodes);
    expect({ primary: found.primary, from: found.unfinishedFrom }).toEqual({ primary, from });
    expect(words(decidePromotion(observed(nodes), move()))).toMatch(graceful);
    expect(words(decidePromotion(observed(nodes), move('forced')))).toMatch(forced);
  });

  it('a standby that holds what the primary on record lacks stops it', () => {
    const nodes = [east(), west({ journal: opened }), other('west-1', opened)];
    const decision = decidePromotion(
      observed(nodes, { 'west-2': { behind: 0, errant: 'uuid:7' } }),
      move('forced'),
    );
    expect(words(decision)).toMatch(
      /^refuse: west-2 holds uuid:7, which west-1 lacks, the primary on record/,
    );
  });

  it('a move to a third site does not pass by the primary on record', () => {
    const nodes = [east(), west({ journal: opened }), other('west-1', opened)];
    expect(words(decidePromotion(observed(nodes), move('forced', { toSite: 'north' })))).toBe(
      'refuse: west-1 in west is the primary on record (epoch 10, operation op-10) and is closed: only a move to west opens it',
    );
  });

  it('a forced move goes past a candidate that a person vouches for', () => {
    const nodes = [east(), lost('west-1'), other('east-1')];
    const vouched = move('forced', {
      overrides: { acceptUnfenced: 'west-1 is switched off', acceptAlone: 'for now' },
    });
    expect(words(decidePromotion(observed(nodes), vouched))).toMatch(/^apply: freeze east-1/);
  });
});
