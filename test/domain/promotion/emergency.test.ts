import { describe, expect, it } from 'vitest';
import { decidePromotion } from '../../../domain/promotion/decide-promotion.ts';
import type { NodeFacts } from '../../../domain/promotion/facts.ts';
import { elect, electWithLoss, type Survivor } from '../../../domain/promotion/elect.ts';
import { judgeFence, judgeLoss, revocation } from '../../../domain/promotion/guarantees.ts';
import { cluster, lost, move, node, observed, row } from './nodes.ts';

const survivor = (name: string, more: Partial<Survivor> = {}): Survivor => ({
  name,
  eligible: true,
  missing: 0,
  obstacle: '',
  detached: false,
  ...more,
});
const broken = 'its applier stopped by error 1062: duplicate';

describe('an election', () => {
  it.each([
    ['by name, where several hold everything', [survivor('b'), survivor('a')], { name: 'a' }],
    [
      'the one that an earlier attempt chose',
      [survivor('a'), survivor('b', { detached: true })],
      { name: 'b' },
    ],
    [
      'the wanted site, caught up from the one that holds all',
      [survivor('a', { missing: 3 }), survivor('b', { eligible: false })],
      { name: 'a', catchUpFrom: 'b' },
    ],
    ['the sound one', [survivor('a', { obstacle: broken }), survivor('b')], { name: 'b' }],
  ] as const)('takes %s', (_what, survivors, expected) => {
    expect(elect(survivors)).toMatchObject({ kind: 'elected', ...expected });
  });

  it('stops where everything is only on one that cannot be used, and says what would be lost without it', () => {
    const survivors = [survivor('a', { obstacle: broken }), survivor('b', { missing: 3 })];
    expect(elect(survivors)).toEqual({
      kind: 'none',
      reasons: [
        `everything that was received is only on a (${broken}): repair that and retry, or accept the loss of 3 transaction(s) with b (acceptLoss)`,
      ],
    });
    expect(electWithLoss(survivors)).toEqual({ name: 'b', lacks: 3 });
  });

  it('stops where histories differ, or where the wanted site has nobody', () => {
    expect(elect([survivor('a', { missing: 1 }), survivor('b', { missing: 2 })])).toMatchObject({
      reasons: [expect.stringContaining('their histories differ, a person must decide')],
    });
    expect(elect([survivor('a', { eligible: false }), survivor('b', { obstacle: broken })])).toEqual({
      kind: 'none',
      reasons: ['no standby of the wanted site can be promoted', `b: ${broken}`],
    });
  });
});

describe('what is known of the lost primary', () => {
  const nodes = [
    lost('east-1'),
    node('west-1', { follows: 'east-1', channel: { receiver: 'off' } }),
    node('west-2', { follows: 'east-1', channel: { receiver: 'connecting' } }),
  ];

  it('with one of two possible acknowledgers, who still listens, nothing is proven', () => {
    const cut = revocation(cluster(), 'east-1', nodes);
    expect(cut).toEqual({ possibleAckers: 2, revoked: 1, needed: 2, complete: false });
    const evidence = { primary: 'east-1', durability: 'semisync', revocation: cut } as const;
    expect(judgeFence({ ...evidence, frozen: false }).kind).toBe('unproven');
    expect(judgeFence({ ...evidence, frozen: true }).kind).toBe('proven');
    expect(judgeLoss({ ...evidence, behindSurvivors: 0 }).kind).toBe('unknown');
  });

  it('with all of them cut off, semi-sync is its fence, and nothing acknowledged is lost', () => {
    const cut = revocation(cluster(), 'east-1', [
      lost('east-1'),
      node('west-1'),
      node('west-2', { follows: 'west-1' }),
    ]);
    const evidence = { primary: 'east-1', durability: 'semisync', revocation: cut } as const;
    expect(judgeFence({ ...evidence, frozen: false }).kind).toBe('proven');
    expect(judgeLoss({ ...evidence, behindSurvivors: 0 }).kind).toBe('none');
    expect(judgeLoss({ ...evidence, behindSurvivors: 2 })).toMatchObject({
      kind: 'at most',
      transactions: 2,
    });
  });

  it('a primary that was opened alone has no fence, whatever the inventory says', () => {
    const alone = [row('opened', 8, { primary: 'east-1', previous: 'west-1', durability: 'alone' })];
    const survivors = [
      lost('east-1'),
      node('west-1', { follows: 'east-1', journal: alone }),
      node('west-2', { follows: 'east-1', journal: alone }),
    ];
    expect(decidePromotion(observed(survivors), move('forced'))).toMatchObject({
      kind: 'refuse',
      reasons: [expect.stringContaining('asynchronous'), expect.stringContaining('the loss is unknown')],
    });
  });
});

describe('a last standby', () => {
  const dead = [lost('east-1'), node('west-1', { follows: 'east-1' }), lost('west-2')];

  it('is refused in an emergency with everything that a person must answer, and opened once it is', () => {
    expect(decidePromotion(observed(dead), move('forced'))).toMatchObject({
      kind: 'refuse',
      reasons: [
        expect.stringContaining('acceptUnfenced'),
        expect.stringContaining('acceptLoss'),
        'after the promotion 0 of 1 needed replica(s) could acknowledge, so every write would hang: west-2 (127.0.0.1:3) cannot be reached: ECONNREFUSED; bring one back, or answer acceptAlone: the new primary is opened with semi-sync off',
      ],
    });
    const overrides = { acceptUnfenced: 'off', acceptLoss: 'agreed', acceptAlone: 'better than nothing' };
    expect(decidePromotion(observed(dead), move('forced', { overrides })).kind).toBe('apply');
  });

  it('is refused in a planned move before anything is frozen', () => {
    const alive = [node('east-1', { open: true }), node('west-1', { follows: 'east-1' }), lost('west-2')];
    expect(decidePromotion(observed(alive), move())).toMatchObject({
      kind: 'refuse',
      reasons: [expect.stringContaining('0 of 1 needed replica(s) could acknowledge')],
    });
    const asynchronous = { cluster: cluster('async') };
    expect(decidePromotion(observed(alive), move('graceful', asynchronous)).kind).toBe('apply');
  });
});

describe('a refusal may pass', () => {
  const standbys = [node('west-1', { follows: 'east-1' }), node('west-2', { follows: 'east-1' })];
  const mayPass = (nodes: readonly NodeFacts[], style: 'graceful' | 'forced') => {
    const decision = decidePromotion(observed(nodes), move(style));
    expect(decision.kind).toBe('refuse');
    return decision.kind === 'refuse' && decision.mayPass === true;
  };

  it('where a server that the move needs is away or connects again', () => {
    expect(mayPass([lost('east-1'), ...standbys], 'graceful')).toBe(true);
    expect(mayPass([lost('east-1'), lost('west-1'), lost('west-2')], 'forced')).toBe(true);
    const connecting = node('west-1', { follows: 'east-1', channel: { receiver: 'connecting' } });
    expect(mayPass([node('east-1', { open: true }), connecting, lost('west-2')], 'graceful')).toBe(true);
  });

  it('not where all who are needed have been heard', () => {
    const closed = node('west-1', { follows: 'east-1', channel: { applier: 'off' } });
    expect(mayPass([node('east-1', { open: true }), closed, closed], 'graceful')).toBe(false);
    const split = [lost('east-1'), node('west-1', { open: true }), node('west-2', { open: true })];
    expect(mayPass(split, 'forced')).toBe(false);
  });
});

describe('a planned move', () => {
  const behind = (transactions: number) =>
    decidePromotion(
      observed(
        [
          node('east-1', { open: true }),
          node('west-1', { follows: 'east-1' }),
          node('west-2', { follows: 'east-1' }),
        ],
        {
          'west-1': { behind: transactions, errant: '' },
          'west-2': { behind: transactions + 1, errant: '' },
        },
      ),
      move(),
    );

  it('waits for a standby that is far behind, and takes the one that is least behind', () => {
    expect(behind(101)).toEqual({
      kind: 'wait',
      for: ['west-1 to come within 100 transactions of east-1 (seen: 101)'],
    });
    expect(behind(99)).toMatchObject({
      will: ['freeze east-1', 'promote west-1 (99 transaction(s) behind)', expect.anything()],
    });
  });

  it.each([
    [{ applier: 'off' }, 'west-1: its applier is stopped'],
    [
      { applier: 'off', applierErrno: 1062, applierError: 'duplicate' },
      'west-1: its applier stopped by error 1062: duplicate',
    ],
    [
      { receiver: 'connecting', receiverError: 'access denied' },
      'west-1: it receives nothing (connecting): access denied',
    ],
  ] as const)('says what is wrong with the only standby: %j', (channel, reason) => {
    const nodes = [
      node('east-1', { open: true }),
      node('west-1', { follows: 'east-1', channel }),
      lost('west-2'),
    ];
    expect(decidePromotion(observed(nodes), move())).toMatchObject({ kind: 'refuse', reasons: [reason] });
  });

  it('tells how to attach a standby that an earlier attempt could not put back', () => {
    const detached = [node('east-1', { open: true }), node('west-1'), lost('west-2')];
    for (const [engine, statements] of [
      [
        'mysql',
        "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1, SOURCE_USER = 'replica', SOURCE_PASSWORD = '…', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA",
      ],
      [
        'mariadb',
        "STOP SLAVE; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'replica', MASTER_PASSWORD = '…', MASTER_USE_GTID = slave_pos; START SLAVE",
      ],
    ] as const)
      expect(
        decidePromotion(observed(detached), move('graceful', { cluster: { ...cluster('async'), engine } })),
      ).toMatchObject({
        kind: 'refuse',
        reasons: [`west-1: it does not replicate; attach it: ${statements}`],
      });
  });
});
