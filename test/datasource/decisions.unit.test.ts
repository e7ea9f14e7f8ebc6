import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AcknowledgementTally,
  distributionOf,
  namesOf,
  percentile,
} from '../../domain/acknowledgement-tally.ts';
import {
  chooseCanary,
  decidePush,
  isSiteDead,
  type ObservedPublication,
  type ObservedPush,
  type PushWish,
} from '../../domain/datasource-decisions.ts';
import { asPrevious, documentDigestText, judgeDocument } from '../../domain/datasource-document.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import type { DatasourceDocument, RegisteredConsumer } from '../../domain/datasource.ts';

const document: DatasourceDocument = {
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
const reader = { datasource: 'orders', consumer: 'a' };
const held = { epoch: 5, operation: 'failover/shop/5', digest: 'd5' };

describe('a follower judges a document', () => {
  test.each([
    ['the first one', undefined, document, 'd5', 'apply'],
    ['a higher epoch', { ...held, epoch: 4 }, document, 'd5', 'apply'],
    ['the one it holds', held, document, 'd5', 'same'],
    ['a canary edition for others', undefined, { ...document, canary: ['b'] }, 'd5', 'not for us'],
    ['a canary edition for itself', undefined, { ...document, canary: ['a', 'b'] }, 'd5', 'apply'],
    ['the formal edition after the canary', held, document, 'd5', 'same'],
  ] as const)('%s', (_, before, given, digest, kind) => {
    expect(judgeDocument(before, given, digest, reader).kind).toBe(kind);
  });

  test.each([
    [
      'a lower epoch',
      { ...held, epoch: 6, operation: 'failover/shop/6' },
      'epoch 5 of operation failover/shop/5 refused: the target holds epoch 6 of operation failover/shop/6',
    ],
    [
      'a twin',
      { ...held, operation: 'failover/shop/other' },
      'epoch 5 of operation failover/shop/5 refused: the target holds the same epoch of operation failover/shop/other',
    ],
    [
      'other content under the same stamp',
      { ...held, digest: 'd0' },
      'epoch 5 of operation failover/shop/5 refused: it was seen before with other content (digest d0, now d5)',
    ],
  ] as const)('and refuses %s', (_, before, reason) => {
    expect(judgeDocument(before, document, 'd5', reader)).toEqual({ kind: 'refuse', reason });
  });

  test('and refuses that of another datasource', () => {
    expect(judgeDocument(undefined, document, 'd5', { datasource: 'stock' })).toEqual({
      kind: 'refuse',
      reason: 'expected a document of datasource stock, seen one of orders',
    });
  });

  test('whatever comes in whatever order, it only goes upwards, and ends at the highest', () => {
    const stamps = fc.record({ epoch: fc.integer({ min: 1, max: 6 }), operation: fc.constantFrom('x', 'y') });
    fc.assert(
      fc.property(fc.array(stamps, { minLength: 1, maxLength: 30 }), (given) => {
        let now: typeof held | undefined;
        for (const stamp of given) {
          const digest = `${stamp.epoch}${stamp.operation}`;
          if (judgeDocument(now, { ...document, ...stamp }, digest, reader).kind !== 'apply') continue;
          expect(stamp.epoch).toBeGreaterThan(now?.epoch ?? 0);
          now = { ...stamp, digest };
        }
        expect(now?.epoch).toBe(Math.max(...given.map(({ epoch }) => epoch)));
      }),
    );
  });

  test('canary and previous are no part of what is acknowledged; everything else is', () => {
    const text = documentDigestText(document);
    const previous = asPrevious({ ...document, epoch: 4 });
    expect(documentDigestText({ ...document, canary: ['a'], previous })).toBe(text);
    for (const field of Object.keys(document)) {
      expect(documentDigestText({ ...document, [field]: 'other' })).not.toBe(text);
    }
    expect(asPrevious({ ...document, canary: ['a'], previous })).toEqual(document);
  });
});

const publication: ObservedPublication = {
  center: 'nacos-west',
  site: 'west',
  key: 'orders.json',
  state: 'held',
  why: '',
  epoch: 3,
  operation: 'failover/shop/3',
  digest: 'd3',
  primary: 'east-1',
  isCanary: false,
  token: 't3',
};
const observed: ObservedPush = {
  promotion: {
    epoch: 5,
    operation: 'failover/shop/5',
    node: 'west-1',
    writable: ['west-1'],
    unreachable: [],
  },
  wanted: 'd5',
  publications: [publication],
  registriesRead: ['nacos-west'],
  live: 3,
  missing: ['a', 'b', 'c'],
  missingCount: 3,
  previous: asPrevious({ ...document, epoch: 3, primary: 'east-1' }),
};
const wish: PushWish = {
  operation: { id: 'failover/shop/5', domain: 'shop', epoch: 5, reason: '', by: '' },
  mode: 'apply',
  style: 'graceful',
  datasource: 'orders',
  database: 'orders-db',
  fromSite: 'east',
  toSite: 'west',
  siteOf: { 'east-1': 'east', 'west-1': 'west' },
};
const ours = { epoch: 5, operation: 'failover/shop/5', digest: 'd5', primary: 'west-1' };
const silent = { ...publication, state: 'unreachable', why: 'no answer within 1000 ms' } as const;

describe('the push decides', () => {
  test.each<[string, Partial<ObservedPush>, Partial<PushWish>, unknown]>([
    [
      'to publish',
      {},
      {},
      { kind: 'apply', will: ['publish west-1 as orders in nacos-west; 3 consumers are to acknowledge'] },
    ],
    [
      'to go on waiting after its own publish',
      { publications: [{ ...publication, ...ours }] },
      {},
      { kind: 'apply', will: ['wait until 3 consumers run on west-1'] },
    ],
    [
      'that its own canary edition is not the whole of it',
      { publications: [{ ...publication, ...ours, isCanary: true }], missing: [], missingCount: 0 },
      {},
      { kind: 'apply', will: ['publish west-1 as orders in nacos-west; 3 consumers are to acknowledge'] },
    ],
    [
      'that all is done, and which center was not told',
      {
        publications: [
          { ...publication, ...ours },
          { ...publication, center: 'nacos-east', state: 'unreachable', why: 'ECONNREFUSED' },
        ],
        missing: [],
        missingCount: 0,
      },
      { style: 'forced' },
      {
        kind: 'already',
        because: 'orders: epoch 5 is published, and 3 of 3 consumers run on it',
        snapshot: { previous: observed.previous },
        leftToDo: [
          expect.stringMatching(/^config center nacos-east was not told: .* must be brought to epoch 5/),
        ],
      },
    ],
    [
      'that nothing is known to be done while no registry says who is alive',
      {
        publications: [{ ...publication, ...ours }],
        registriesRead: [],
        live: 0,
        missing: [],
        missingCount: 0,
      },
      { style: 'forced' },
      { kind: 'apply', will: ['wait until 0 consumers run on west-1'] },
    ],
    [
      'nor while one center that answers does not say who is alive',
      {
        publications: [
          { ...publication, ...ours },
          { ...publication, ...ours, center: 'etcd-east' },
        ],
        missing: [],
        missingCount: 0,
      },
      {},
      { kind: 'apply', will: ['wait until 3 consumers run on west-1'] },
    ],
    [
      'forced, that one registry is enough',
      {
        publications: [
          { ...publication, ...ours },
          { ...publication, ...ours, center: 'etcd-east' },
        ],
        missing: [],
        missingCount: 0,
      },
      { style: 'forced' },
      {
        kind: 'already',
        because: 'orders: epoch 5 is published, and 3 of 3 consumers run on it',
        snapshot: { previous: observed.previous },
        leftToDo: [],
      },
    ],
    [
      'to wait for the promoted node',
      { promotion: { ...observed.promotion, writable: [] } },
      {},
      { kind: 'wait', for: ['west-1, promoted at epoch 5, to answer and to take writes'] },
    ],
    [
      'to wait for the promotion',
      {
        promotion: {
          epoch: 3,
          operation: 'x',
          node: 'east-1',
          writable: ['east-1'],
          unreachable: ['west-1'],
        },
      },
      {},
      {
        kind: 'wait',
        for: [
          'a primary of orders-db in west at epoch 5: its journal ends at epoch 3; west-1 cannot be reached',
        ],
      },
    ],
    [
      'that a primary which stood in the target site before will do',
      { promotion: { epoch: 0, operation: '', node: '', writable: ['west-1'], unreachable: [] } },
      {},
      { kind: 'apply', will: ['publish west-1 as orders in nacos-west; 3 consumers are to acknowledge'] },
    ],
    [
      'to wait for a center of a site that is not lost',
      { publications: [silent, { ...publication, center: 'etcd-west' }] },
      {},
      { kind: 'wait', for: ['config center nacos-west (no answer within 1000 ms)'] },
    ],
    [
      'forced, to go on with the center that is left',
      { publications: [silent, { ...publication, center: 'etcd-west' }] },
      { style: 'forced' },
      { kind: 'apply', will: ['publish west-1 as orders in etcd-west; 3 consumers are to acknowledge'] },
    ],
    [
      'to wait for a center of the site that is left while anything of it lives: who is registered there counts',
      {
        publications: [
          { ...silent, site: 'east' },
          { ...publication, center: 'etcd-west' },
        ],
      },
      {},
      { kind: 'wait', for: ['config center nacos-west (no answer within 1000 ms)'] },
    ],
    [
      'to wait for the only center, which stands in the site that is left and lives',
      { publications: [{ ...silent, site: 'east' }] },
      {},
      { kind: 'wait', for: ['config center nacos-west (no answer within 1000 ms)'] },
    ],
    [
      'to refuse when the only center is gone with its site',
      {
        publications: [{ ...silent, site: 'east' }],
        promotion: { ...observed.promotion, unreachable: ['east-1'] },
      },
      {},
      {
        kind: 'refuse',
        reasons: ['orders: every config center it is published in is lost with east'],
        mayPass: true,
      },
    ],
    [
      'not to wait for the center of the lost site',
      {
        promotion: { ...observed.promotion, unreachable: ['east-1'] },
        publications: [
          { ...silent, site: 'east' },
          { ...publication, center: 'etcd-west' },
        ],
      },
      {},
      { kind: 'apply', will: ['publish west-1 as orders in etcd-west; 3 consumers are to acknowledge'] },
    ],
    [
      'to refuse where no center is left',
      { publications: [{ ...silent, site: 'east' }] },
      { style: 'forced' },
      { kind: 'refuse', reasons: ['orders: every config center it is published in is lost with east'] },
    ],
    [
      'to refuse a split brain',
      { promotion: { ...observed.promotion, writable: ['east-1', 'west-1'] } },
      {},
      {
        kind: 'refuse',
        reasons: ['orders-db: east-1 and west-1 both take writes: split brain, a person must decide'],
      },
    ],
    [
      'to refuse a key that holds a higher epoch',
      { publications: [{ ...publication, epoch: 6, operation: 'failover/shop/6' }] },
      { style: 'forced' },
      {
        kind: 'refuse',
        reasons: [
          'nacos-west: orders.json: epoch 5 of operation failover/shop/5 refused: the target holds epoch 6 of operation failover/shop/6',
        ],
      },
    ],
    [
      'to refuse a twin in the journal',
      { promotion: { ...observed.promotion, operation: 'failover/shop/other' } },
      {},
      {
        kind: 'refuse',
        reasons: [
          'orders-db: journal: epoch 5 of operation failover/shop/5 refused: the target holds the same epoch of operation failover/shop/other',
        ],
      },
    ],
    [
      'to refuse foreign content and unsafe centers, both named',
      {
        publications: [
          { ...publication, state: 'foreign', why: 'orders.json holds something else' },
          { ...publication, center: 'other', state: 'unsafe', why: 'it ignores compare-and-set' },
        ],
      },
      {},
      {
        kind: 'refuse',
        reasons: ['nacos-west: orders.json holds something else', 'other: it ignores compare-and-set'],
      },
    ],
    [
      'in a precheck, what it would do, without a promotion or an epoch',
      {
        promotion: { epoch: 4, operation: 'x', node: 'east-1', writable: ['east-1'], unreachable: [] },
        wanted: '',
      },
      { mode: 'precheck', operation: { ...wish.operation, epoch: 0 } },
      {
        kind: 'apply',
        will: [
          'publish the primary of orders-db in west as orders in nacos-west; 3 consumers are to acknowledge',
        ],
      },
    ],
  ])('%s', (_, seen, wished, decision) => {
    expect(decidePush({ ...observed, ...seen }, { ...wish, ...wished })).toEqual(decision);
  });
});

const consumer = (
  name: string,
  site: string,
  more: Partial<RegisteredConsumer> = {},
): RegisteredConsumer => ({
  consumer: name,
  site,
  datasource: 'orders',
  epoch: 3,
  operation: 'failover/shop/3',
  digest: 'd3',
  ...more,
});

describe('a site', () => {
  const siteOf = { 'east-1': 'east', 'east-2': 'east', 'west-1': 'west' };
  const east = { ...publication, site: 'east' };
  const lost = { ...silent, site: 'east' };
  test.each([
    ['lives while its center answers', [east], ['east-1', 'east-2'], false],
    ['lives while one of its nodes answers', [lost], ['east-1'], false],
    ['is dead when nothing of it answers', [lost], ['east-1', 'east-2'], true],
    ['is dead by its nodes where it has no center', [publication], ['east-1', 'east-2'], true],
  ] as const)('%s', (_, publications, unreachable, isDead) => {
    expect(isSiteDead('east', publications, unreachable, siteOf)).toBe(isDead);
  });
  test('of which nothing could be asked is not taken for dead', () => {
    expect(isSiteDead('north', [publication], ['east-1'], siteOf)).toBe(false);
  });
});

describe('the canary', () => {
  const live = [consumer('d', 'east'), consumer('c', 'edge'), consumer('b', 'west'), consumer('a', 'west')];
  const sites = { fromSite: 'east', toSite: 'west' };
  test('comes from the target site first, never from the site that is left while others live', () => {
    expect(chooseCanary(live, 1, sites)).toEqual(['a']);
    expect(chooseCanary(live, 9, sites)).toEqual(['a', 'b', 'c']);
    expect(chooseCanary([consumer('d', 'east')], 1, sites)).toEqual(['d']);
    expect(chooseCanary(live, 0, sites)).toEqual([]);
  });
});

describe('the tally', () => {
  const wanted = { epoch: 5, operation: 'failover/shop/5', digest: 'd5' };
  const said = { ...wanted, datasource: 'orders', appliedAt: 1, via: 'center' } as const;
  const counting = () => new AcknowledgementTally(wanted, ({ site }) => site === 'east');

  test('knows nobody before a registry was read', () => {
    const tally = counting();
    tally.hear({ ...said, consumer: 'a' }, 10);
    expect(tally.state()).toMatchObject({ isComplete: false, live: 0, acknowledged: 0 });
  });

  test('counts the living, excuses those of the lost site, and says why somebody refuses', () => {
    const tally = counting();
    tally.list('nacos', [consumer('a', 'west'), consumer('b', 'west'), consumer('c', 'east')], 5);
    tally.hear({ ...said, consumer: 'a' }, 10);
    tally.hear({ ...said, consumer: 'b', refused: 'the server is closed' }, 11);
    expect(tally.state()).toEqual({
      live: 3,
      acknowledged: 1,
      missing: ['b'],
      excused: ['c'],
      refused: new Map([['b', 'the server is closed']]),
      isComplete: true,
      unread: [],
      unregistered: [],
    });
    tally.hear({ ...said, consumer: 'b' }, 20);
    expect(tally.state()).toMatchObject({ acknowledged: 2, missing: [], refused: new Map() });
    expect(tally.times).toEqual([10, 20]);
  });

  test('takes no acknowledgement of another epoch, operation or content', () => {
    const tally = counting();
    tally.list('nacos', [consumer('a', 'west')], 5);
    tally.hear({ ...said, consumer: 'a', epoch: 4 }, 10);
    tally.hear({ ...said, consumer: 'a', operation: 'failover/shop/other' }, 10);
    tally.hear({ ...said, consumer: 'a', digest: 'd0' }, 10);
    expect(tally.state().missing).toEqual(['a']);
  });

  test('hears by the registry, too, and forgets who has left it', () => {
    const tally = counting();
    tally.list('nacos', [consumer('a', 'west'), consumer('b', 'west')], 5);
    tally.list('nacos', [consumer('a', 'west', wanted)], 600);
    expect(tally.state()).toMatchObject({ live: 1, acknowledged: 1, missing: [] });
    expect(tally.viaRegistry).toBe(1);
  });

  test('does not know who is alive before each registry that is needed was read', () => {
    const tally = new AcknowledgementTally(wanted, () => false, ['nacos', 'etcd']);
    tally.list('nacos', [], 5);
    expect(tally.state()).toMatchObject({ isComplete: false, unread: ['etcd'] });
    tally.list('etcd', [consumer('a', 'west')], 6);
    expect(tally.state()).toMatchObject({ isComplete: true, unread: [], live: 1, missing: ['a'] });
  });

  test('counts who is connected and stands in no registry once they speak, and names the silent', () => {
    const tally = counting();
    tally.meet('west', [
      { consumer: 'a', site: 'west' },
      { consumer: 'b', site: 'west' },
      { consumer: 'c', site: 'west' },
      { consumer: 'lost', site: 'east' },
    ]);
    tally.list('nacos', [consumer('a', 'west')], 5);
    expect(tally.state()).toMatchObject({
      live: 2,
      missing: ['a'],
      unregistered: ['b', 'c'],
      excused: ['lost'],
    });
    tally.hear({ ...said, consumer: 'b' }, 10);
    tally.hear({ ...said, consumer: 'c', refused: 'the server is closed' }, 10);
    expect(tally.state()).toMatchObject({ live: 4, acknowledged: 1, missing: ['a', 'c'], unregistered: [] });
    tally.list('nacos', [consumer('a', 'west'), consumer('c', 'west')], 20);
    tally.meet('west', [{ consumer: 'a', site: 'west' }]);
    expect(tally.state()).toMatchObject({ live: 2, missing: ['a', 'c'], excused: [] });
  });

  test('counts a consumer that stands in two registries once', () => {
    const tally = counting();
    tally.list('nacos', [consumer('a', 'west')], 5);
    tally.list('etcd', [consumer('a', 'west')], 5);
    expect(tally.state().live).toBe(1);
  });

  test('looks at some consumers only', () => {
    const tally = counting();
    tally.list('nacos', [consumer('a', 'west'), consumer('b', 'west')], 5);
    tally.hear({ ...said, consumer: 'a' }, 10);
    expect(tally.state(['a'])).toMatchObject({ live: 1, missing: [] });
  });
});

test('a planned push waits longer than any registry keeps a consumer that has died', () => {
  const { datasources } = inventorySchema.parse({
    version: 1,
    domain: 'shop',
    sites: { east: {}, west: {} },
    datasources: {
      orders: {
        database: 'orders',
        schema: 'shop',
        user: 'shop',
        password: 'env:SHOP',
        publishTo: [{ center: 'nacos', key: 'orders.json' }],
      },
    },
  });
  const longestMs = 15_000; // Nacos, by HTTP; etcd's lease is 10 s
  expect(datasources['orders']?.ackTimeoutMs).toBeGreaterThan(longestMs);
});

test('figures for the report', () => {
  expect(percentile([3, 1, 2, 4], 0.5)).toBe(2);
  expect(percentile([3, 1, 2, 4], 1)).toBe(4);
  expect(percentile([], 0.5)).toBe(0);
  expect(distributionOf([0, 5, 6, 11, 12, 400])).toEqual([
    [5, 2],
    [10, 1],
    [15, 2],
    [400, 1],
  ]);
  expect(namesOf(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  expect(namesOf(['a', 'b'])).toBe('a, b');
});
