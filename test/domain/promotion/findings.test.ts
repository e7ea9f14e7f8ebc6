import { describe, expect, test } from 'vitest';
import { decidePromotion } from '../../../domain/promotion/decide-promotion.ts';
import { measuredLoss, parseFindings, type Findings } from '../../../domain/promotion/findings.ts';
import type { ObservedPromotion } from '../../../domain/promotion/observed-promotion.ts';
import { lost, move, node, observed, row } from './nodes.ts';

const loss = { what: 'loss', value: 'no acknowledged transaction is lost', source: 'west-1' };
const findings: Findings = {
  evidence: [loss, { what: 'promotion position', value: 'a:1-9', source: 'west-1' }],
  details: ['west-2 is out: its applier stopped'],
  durationsMs: { elect: 40 },
  frozenSince: null,
};
const opened = row('opened', 20, { position: 'a:1-9' });
const west1 = node('west-1', { open: true, journal: [opened] });
const west2 = node('west-2', { follows: 'west-1', journal: [opened] });

/** What the attempt says that comes after the one that promoted and died. */
const afterwards = (seen: ObservedPromotion, style: 'graceful' | 'forced' = 'forced') =>
  decidePromotion(seen, move(style));

describe('an attempt that finds the work done tells what the killed one could not', () => {
  test('its evidence, its details and what is left to do with the lost primary', () => {
    const seen = {
      ...observed([lost('east-1'), west1, west2]),
      opening: { findings, disabledEvents: ['shop.nightly'] },
    };
    expect(afterwards(seen)).toMatchObject({
      kind: 'already',
      snapshot: { primary: 'east-1', promoted: 'west-1' },
      evidence: [
        loss,
        { what: 'promotion position', value: 'a:1-9' },
        { what: 'opening on record', value: { previous: 'east-1', durability: 'semisync' } },
      ],
      details: findings.details,
      durationsMs: { elect: 40 },
      leftToDo: [
        expect.stringMatching(/^east-1 could not be reached: end its process with SIGKILL/),
        'enable on west-1 the events that it had as a standby: shop.nightly',
      ],
    });
  });

  test('a row of an older version gives its position, and the loss is not known', () => {
    const seen = {
      ...observed([lost('east-1'), west1, west2]),
      opening: { findings: null, disabledEvents: [] },
    };
    expect(afterwards(seen)).toMatchObject({
      evidence: [
        { what: 'loss', value: expect.stringMatching(/^not known/) },
        { what: 'promotion position', value: 'a:1-9', source: 'journal on west-1' },
        { what: 'opening on record' },
      ],
    });
  });

  test('what it has left undone: a standby that is away, another one that holds more, nobody who acknowledges', () => {
    const alone = row('opened', 20, { durability: 'alone' });
    const seen = observed(
      [
        node('east-1', { journal: [alone] }),
        node('west-1', { open: true, journal: [alone] }),
        lost('west-2'),
      ],
      { 'east-1': { behind: 0, errant: 'e:7' } },
    );
    const decision = afterwards(seen);
    expect(decision).toMatchObject({
      kind: 'already',
      leftToDo: [
        expect.stringMatching(/^east-1 holds e:7, which west-1 lacks: it must stay closed/),
        'west-2 could not be reached: when it is back, it must be made to follow west-1',
        expect.stringMatching(/^west-1 acknowledges writes alone/),
      ],
    });
    expect(decision.evidence).toContainEqual({
      what: 'transactions that only east-1 holds',
      value: 'e:7',
      source: 'east-1',
    });
  });

  test('an old primary that hangs and could not be frozen is no split brain for the operation that passed it', () => {
    const seen = observed([node('east-1', { open: true }), west1, west2]);
    expect(afterwards(seen)).toMatchObject({
      kind: 'already',
      leftToDo: [expect.stringMatching(/^east-1 still accepts connections .* SIGKILL/)],
    });
    expect(afterwards(seen, 'graceful')).toMatchObject({
      kind: 'refuse',
      reasons: [expect.stringContaining('split brain')],
    });
  });
});

describe('the loss is measured as soon as the old primary answers again', () => {
  const nodes = (east1: Parameters<typeof node>[1]) => [node('east-1', east1), west1, west2];
  test.each([
    ['it holds nothing more', nodes({}), '', [/^none: east-1 holds nothing that west-1 lacks$/]],
    ['it holds something', nodes({}), 'e:7', [/^e:7$/]],
    ['it follows already, so it may have been rebuilt', nodes({ follows: 'west-1' }), '', []],
    ['it is away', [lost('east-1'), west1, west2], undefined, []],
  ])('%s', (_, seen, errant, values) => {
    const compared = errant === undefined ? {} : { 'east-1': { behind: 0, errant } };
    expect(measuredLoss(observed(seen, compared)).map(({ value }) => value)).toEqual(
      values.map((value) => expect.stringMatching(value) as unknown),
    );
  });
});

test.each(['', 'null', '{', '[]', '{"evidence":{}}'])(
  'findings that nobody can read are none: %s',
  (text) => {
    expect(parseFindings(text)).toBeNull();
  },
);
