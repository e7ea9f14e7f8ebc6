import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compilePlan } from '../../domain/compile.ts';
import { planDigest } from '../../domain/plan-digest.ts';
import type { ObservedTopology, Plan } from '../../domain/plan.ts';
import type { RunRequest } from '../../domain/run.ts';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import type { Loaded, NotLoaded } from '../../domain/schema/load.ts';
import type { MoveUnitsParameters } from '../../domain/step-parameters.ts';
import { atHome, homeTable } from './observations.ts';
import { swap, validInventory, validKubernetes, validRunbook } from './valid-texts.ts';

function must<Value>(loaded: Loaded<Value> | NotLoaded): Loaded<Value> {
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join('\n'));
  return loaded;
}
const shipped = (name: string) => readFileSync(`runbooks/${name}.yaml`, 'utf8');

function compile(
  runbook: string,
  request: Omit<RunRequest, 'runbook'>,
  observed: ObservedTopology = atHome,
  inventory = validInventory,
) {
  return compilePlan({
    runbook: must(loadRunbook(runbook, 'runbook.yaml')),
    inventory: must(loadInventory(inventory, 'siteshift.yaml')),
    request: { runbook: 'any', ...request },
    observed,
  });
}
function planOf(...args: Parameters<typeof compile>): Plan {
  const result = compile(...args);
  if (!result.ok) throw new Error(result.problems.map((problem) => problem.message).join('\n'));
  return result.plan;
}
function problemsOf(...args: Parameters<typeof compile>): readonly string[] {
  const result = compile(...args);
  return result.ok ? [] : result.problems.map((problem) => problem.message);
}
const needs = (plan: Plan) => Object.fromEntries(plan.steps.map((step) => [step.id, step.needs]));
const parameters = (plan: Plan, id: string) => plan.steps.find((step) => step.id === id)?.parameters;
const movesOf = (plan: Plan) => parameters(plan, 'open') as unknown as MoveUnitsParameters;
const east = { from: 'east', to: 'west' };
const primaryIn = (site: string, reachable = true) => ({
  ...atHome,
  databases: {
    orders: { primary: `orders-${site}`, primarySite: site, primaryReachable: reachable, because: [] },
    billing: { primary: 'billing-east', primarySite: 'east', primaryReachable: true, because: [] },
  },
});

describe('site-failover', () => {
  test('finds what is in the site by topology and lets each database go at its own pace', () => {
    expect(needs(planOf(shipped('site-failover'), east))).toEqual({
      claim: [],
      fence: ['claim'],
      'promote/orders': ['fence'],
      'promote/billing': ['fence'],
      'push/orders-rw': ['promote/orders'],
      'push/billing-rw': ['promote/billing'],
      open: ['push/orders-rw', 'push/billing-rw'],
      'verify/west-a': ['open'],
    });
  });

  test('leaves databases alone whose primary is elsewhere, but completes the push of an unfinished run', () => {
    const plan = planOf(shipped('site-failover'), east, primaryIn('west'));
    expect(needs(plan)).toMatchObject({
      'push/orders-rw': ['fence'],
      'push/billing-rw': ['promote/billing'],
    });
    expect(needs(plan)).not.toHaveProperty('promote/orders');
    expect(parameters(plan, 'push/orders-rw')).toMatchObject({
      fromSite: 'east',
      toSite: 'west',
    });
  });

  test('moves exactly the buckets that are served in the site', () => {
    const { current, wanted } = movesOf(planOf(shipped('site-failover'), east));
    expect(current).toEqual(homeTable);
    expect(wanted).toEqual(homeTable.map(() => ({ unit: 'west-a', state: 'open' })));
  });

  test('starts from the table that the gateways enforce: a bucket that was fenced half-way is opened', () => {
    const table = homeTable.map((rule, bucket) =>
      bucket === 3 ? { unit: 'west-a', state: 'fenced' as const } : rule,
    );
    const observed = { ...atHome, routing: { epoch: 9, operation: 'broken', table } };
    const { wanted } = movesOf(planOf(shipped('site-failover'), east, observed));
    expect(wanted[3]).toEqual({ unit: 'west-a', state: 'open' });
  });

  test('without any gateway that answers it starts from the homes, and says so', () => {
    const { routing: _, ...observed } = atHome;
    const result = compile(shipped('site-failover'), east, observed);
    expect(result).toMatchObject({
      ok: true,
      notes: ['no gateway told its table: the plan starts from the home buckets of the inventory'],
    });
  });

  test('claims for the units that lose buckets', () => {
    expect(parameters(planOf(shipped('site-failover'), east), 'claim')).toMatchObject({ units: ['east-a'] });
  });

  test('an inventory without gateways moves databases only', () => {
    const bare = swap(
      validInventory,
      validInventory.slice(validInventory.indexOf('gateways:'), validInventory.indexOf('hooks:')),
      '',
    );
    const plan = planOf(shipped('site-failover'), east, atHome, bare);
    expect(needs(plan)).toMatchObject({
      claim: [],
      'promote/orders': ['claim'],
      'push/orders-rw': ['promote/orders'],
    });
    expect(plan.steps.map((step) => step.kind)).not.toContain('openUnits');
  });
});

describe('site-failover with clusters', () => {
  const both = `${validInventory}${validKubernetes}`;
  const compileBoth = (style: 'graceful' | 'forced', inventory = both) =>
    planOf(shipped('site-failover'), { ...east, style }, atHome, inventory);

  test('after a loss both branches start at once, and the units open when both are done', () => {
    const plan = compileBoth('forced');
    expect(needs(plan)).toMatchObject({
      'scale-out/west-general': ['claim'],
      'restore/west': ['claim'],
      'apply/west': ['scale-out/west-general', 'restore/west'],
      'mesh/west-cart.example': ['apply/west'],
      fence: ['claim'],
      open: ['push/orders-rw', 'push/billing-rw', 'mesh/west-cart.example'],
    });
    expect(plan.leftOut).toEqual([
      { id: 'record', kind: 'captureManifests', because: 'only runs that start graceful do it' },
    ]);
  });

  test('a planned move records once more, and stops its users when the cluster is ready', () => {
    const plan = compileBoth('graceful');
    expect(needs(plan)).toMatchObject({
      'record/east': ['claim'],
      'apply/west': ['scale-out/west-general', 'restore/west', 'record/east'],
      fence: ['mesh/west-cart.example'],
      'promote/orders': ['fence'],
    });
    expect(plan.leftOut).toBeUndefined();
  });

  test('a failback records what serves now, and stops its users when the cluster at home is ready', () => {
    const back = { from: 'west', to: 'east', style: 'forced' as const };
    const plan = planOf(shipped('site-failback'), back, atHome, both);
    expect(needs(plan)).toMatchObject({
      'record/west': ['claim'],
      'restore/east': ['claim'],
      'apply/east': ['restore/east', 'record/west'],
      'mesh/east-cart.example': ['apply/east'],
      fence: ['mesh/east-cart.example'],
    });
    expect(plan.leftOut?.map(({ id, because }) => `${id}: ${because}`)).toContain(
      'scale-out: the clusters in east have no node pools in the inventory',
    );
  });

  test('what the inventory lacks is left out, and the plan says so', () => {
    const bare = planOf(shipped('site-failover'), { ...east, style: 'forced' });
    expect(bare.leftOut?.map(({ id, because }) => `${id}: ${because}`)).toEqual([
      'record: only runs that start graceful do it',
      'scale-out: the inventory has no section kubernetes',
      'restore: the inventory has no section kubernetes',
      'apply: the inventory has no section kubernetes',
      'mesh: the inventory has no section kubernetes',
    ]);
    expect(needs(bare)).toMatchObject({ fence: ['claim'], open: ['push/orders-rw', 'push/billing-rw'] });
    const oneSided = swap(both, "    east: { site: east, kubeconfig: 'env:EAST' }\n", '');
    expect(compileBoth('graceful', oneSided).leftOut).toEqual([
      {
        id: 'record',
        kind: 'captureManifests',
        because: 'no Kubernetes cluster of the inventory stands in east',
      },
    ]);
    const { leftOut: _, digest, ...rest } = bare;
    expect(planDigest(rest)).not.toBe(digest);
  });

  test('a canary is asked for in a runbook, with a number of its parameters', () => {
    const canary = `version: 1
name: canary
description: Sends a part of the requests to a new service.
parameters:
  to: { type: site, required: true }
  percent: { type: number, default: 10 }
steps:
  - id: canary
    uses: shiftMesh
    with: { to: '\${to}', hosts: [cart.example], canary: { service: cart-next, percent: '\${percent}' } }
`;
    const plan = planOf(canary, { to: 'west', parameters: { percent: 25 } }, atHome, both);
    expect(needs(plan)).toEqual({ claim: [], 'canary/west-cart.example': ['claim'] });
    expect(parameters(plan, 'canary/west-cart.example')).toMatchObject({
      host: 'cart.example',
      canary: { service: 'cart-next', percent: 25 },
    });
    expect(problemsOf(canary, { to: 'west', parameters: { percent: 101 } }, atHome, both)).toEqual([
      'runbook.yaml:10:88 steps[0].with.canary.percent: expected a number of at most 100, saw 101',
    ]);
  });

  test('recording and rehearsing claim no epoch: they must never be in the way of a move', () => {
    const record = { parameters: { at: 'east' } };
    expect(needs(planOf(shipped('capture-manifests'), record, atHome, both))).toEqual({ 'record/east': [] });
    expect(needs(planOf(shipped('kubernetes-rehearsal'), east, atHome, both))).toEqual({
      'rehearse/west': [],
    });
  });

  test('a backup location for each direction fits every runbook as it is shipped', () => {
    const shared =
      "    backups: { endpoint: 'http://s3', bucket: velero, accessKey: env:A, secretKey: env:B, schedule: daily }\n";
    const only = (cluster: string) =>
      shared.replace('backups:', `of-${cluster}:`).replace('daily }', `daily, from: ${cluster} }`);
    const inventory = swap(both, shared, only('east') + only('west'));
    const west = { from: 'west', to: 'east' };
    const locationOf = (plan: Plan, id: string) =>
      (parameters(plan, id) as unknown as { locationName: string }).locationName;
    expect(locationOf(compileBoth('graceful', inventory), 'restore/west')).toBe('of-east');
    const back = planOf(shipped('site-failback'), west, atHome, inventory);
    expect(locationOf(back, 'restore/east')).toBe('of-west');
    expect(parameters(back, 'apply/east')).toMatchObject({ onConflict: 'takeOver' });
    const rehearsal = planOf(shipped('kubernetes-rehearsal'), east, atHome, inventory);
    expect(parameters(rehearsal, 'rehearse/west')).toMatchObject({
      locationName: 'of-east',
      onConflict: 'report',
    });
    const ofBack = { ...west, parameters: { onConflict: 'takeOver' } };
    const ofFailback = planOf(shipped('kubernetes-rehearsal'), ofBack, atHome, inventory);
    expect(parameters(ofFailback, 'rehearse/east')).toMatchObject({
      locationName: 'of-west',
      onConflict: 'takeOver',
    });
    const prepared = planOf(shipped('prepare-standby'), { to: 'west' }, atHome, inventory);
    expect(locationOf(prepared, 'prepare/west')).toBe('of-east');
  });

  test('a runbook of which nothing is left is refused', () => {
    expect(problemsOf(shipped('kubernetes-rehearsal'), east)).toEqual([
      'runbook.yaml:13:3 steps: expected a step that stands for something here, saw rehearse: the inventory has no section kubernetes',
    ]);
  });
});

describe('the other runbooks', () => {
  const afterFailover: ObservedTopology = {
    databases: {
      orders: { primary: 'orders-west', primarySite: 'west', primaryReachable: true, because: [] },
      billing: { primary: 'billing-west', primarySite: 'west', primaryReachable: true, because: [] },
    },
    routing: { epoch: 9, operation: 'x', table: homeTable.map(() => ({ unit: 'west-a', state: 'open' })) },
    gaps: [],
  };

  test('site-failback brings home what is at home there, and nothing else', () => {
    const plan = planOf(shipped('site-failback'), { from: 'west', to: 'east' }, afterFailover);
    expect(movesOf(plan).wanted).toEqual(homeTable);
    expect(plan.steps.map((step) => step.id)).toEqual([
      'claim',
      'fence',
      'promote/orders', // billing has no homeSite
      'push/orders-rw',
      'open',
      'verify/east-a',
    ]);
  });

  test('switch-database moves one database and its datasources', () => {
    const plan = planOf(shipped('switch-database'), { to: 'west', parameters: { database: 'billing' } });
    expect(needs(plan)).toEqual({
      claim: [],
      'promote/billing': ['claim'],
      'push/billing-rw': ['promote/billing'],
    });
    expect(parameters(plan, 'promote/billing')).toMatchObject({ fromSite: 'east', primary: 'billing-east' });
  });

  test('publish-datasources leads to primaries where they are, and leaves those of other sites alone', () => {
    const half = {
      ...afterFailover,
      databases: { ...atHome.databases, billing: afterFailover.databases.billing },
    };
    const plan = planOf(shipped('publish-datasources'), { to: 'west' }, half as ObservedTopology);
    expect(needs(plan)).toEqual({ claim: [], 'push/billing-rw': ['claim'] });
    expect(parameters(plan, 'push/billing-rw')).toMatchObject({ fromSite: 'east', toSite: 'west' });
  });

  test('move-units moves the buckets of one unit', () => {
    const plan = planOf(shipped('move-units'), { to: 'east', parameters: { unit: 'west-a' } });
    expect(plan.steps.map((step) => step.id)).toEqual(['claim', 'fence', 'open', 'verify/east-a']);
    expect(plan.steps.map((step) => step.title)).toContain('Fence buckets 50-99 of west-a');
  });
});

describe('the plan', () => {
  test('its digest binds everything but the mode: a precheck and its run share it', () => {
    const precheck = planOf(shipped('site-failover'), { ...east, mode: 'precheck' });
    const real = planOf(shipped('site-failover'), { ...east, mode: 'real' });
    expect(real.digest).toBe(precheck.digest);
    expect(planOf(shipped('site-failover'), { ...east, style: 'forced' }).digest).not.toBe(real.digest);
    expect(planOf(shipped('site-failover'), { ...east, drill: true }).digest).not.toBe(real.digest);
    expect(planOf(shipped('site-failover'), east, primaryIn('west')).digest).not.toBe(real.digest);
    const { digest, ...bound } = real;
    expect(planDigest(bound)).toBe(digest);
  });

  test('questions at the start come before the claim, so that no lease runs out while a person thinks', () => {
    const asking = swap(
      validRunbook,
      'steps:\n',
      "steps:\n  - { id: ask, uses: approve, with: { message: 'Leave ${from}?' } }\n",
    );
    const plan = planOf(
      swap(asking, '    uses: fenceUnits\n', '    uses: fenceUnits\n    needs: [ask]\n'),
      east,
    );
    expect(needs(plan)).toMatchObject({ ask: [], claim: ['ask'], fence: ['claim', 'ask'] });
    expect(plan.steps[0]?.title).toBe('Ask: Leave east?');
  });

  test('a parameter keeps its type, also through a default', () => {
    expect(parameters(planOf(validRunbook, east), 'verify/west-a')).toMatchObject({ users: 3 });
    expect(
      parameters(planOf(validRunbook, { ...east, parameters: { count: 9 } }), 'verify/west-a'),
    ).toMatchObject({
      users: 9,
    });
  });
});

test('what proves a unit: the step says so, else the inventory, else the root is read', () => {
  const verify = (inventory: string, runbook = validRunbook) =>
    parameters(planOf(runbook, east, atHome, inventory), 'verify/west-a');
  const probing = swap(
    validInventory,
    '  buckets: 100\n',
    "  buckets: 100\n  probe: { path: /orders, method: POST, body: '{}', expectStatus: 201 }\n",
  );
  const asking = swap(validRunbook, "users: '${count}'", 'request: { path: /ready }');
  expect(verify(validInventory)).toMatchObject({ path: '/', method: 'GET', expectStatus: 200 });
  expect(verify(probing)).toMatchObject({ path: '/orders', method: 'POST', body: '{}', expectStatus: 201 });
  expect(verify(probing, asking)).toMatchObject({ path: '/ready', method: 'GET', expectStatus: 200 });
});

describe('what cannot be compiled is refused with the line', () => {
  test.each<readonly [string, Parameters<typeof problemsOf>, readonly string[]]>([
    [
      'an unknown site and a missing one',
      [shipped('site-failover'), { from: 'mars' }],
      [
        'runbook.yaml:6:3 parameters.from: expected a site: "east" or "west", saw "mars"',
        'runbook.yaml:7:3 parameters.to: expected a site in the request, saw nothing',
      ],
    ],
    [
      'the same site twice',
      [shipped('site-failover'), { from: 'east', to: 'east' }],
      ['runbook.yaml:7:3 parameters.to: expected another site than from, saw "east"'],
    ],
    [
      'a parameter of the wrong type',
      [validRunbook, { ...east, parameters: { count: 'many' } }],
      ['runbook.yaml:7:3 parameters.count: expected a value of type number, saw "many"'],
    ],
    [
      'a parameter that the runbook does not have',
      [validRunbook, { ...east, parameters: { counts: 3 } }],
      [
        'runbook.yaml:4:1 parameters: expected one of the parameters "from", "to" or "count", saw the parameter "counts"',
      ],
    ],
    [
      'a value that breaks a limit of its step',
      [validRunbook, { ...east, parameters: { count: 0 } }],
      ['runbook.yaml:27:59 steps[4].with.users: expected a number of at least 1, saw 0'],
    ],
    [
      'an unknown database',
      [shipped('switch-database'), { to: 'west', parameters: { database: 'stock' } }],
      [
        'runbook.yaml:11:24 steps[0].with.databases: expected databases of the inventory: orders, billing, saw stock',
        'runbook.yaml:16:32 steps[1].with.datasources.of: expected databases of the inventory: orders, billing, saw stock',
      ],
    ],
    [
      'an unknown unit',
      [shipped('move-units'), { to: 'west', parameters: { unit: 'north' } }],
      ['runbook.yaml:11:20', 'runbook.yaml:16:20', 'runbook.yaml:21:20'].map(
        (place, index) => `${place} steps[${index}].with.units: expected units: east-a, west-a, saw north`,
      ),
    ],
    [
      'a database whose primary nobody could find',
      [
        shipped('switch-database'),
        { to: 'west', parameters: { database: 'orders' } },
        { ...atHome, databases: { orders: { primaryReachable: false, because: ['no server answered'] } } },
      ],
      [
        'runbook.yaml:11:24 steps[0].with.databases: expected to find the primary of orders among orders-east, orders-west, saw none (no server answered)',
      ],
    ],
    [
      'a table of another size',
      [
        shipped('move-units'),
        { to: 'west', parameters: { unit: 'east-a' } },
        { ...atHome, routing: { epoch: 1, operation: 'x', table: homeTable.slice(0, 64) } },
      ],
      ['runbook.yaml:11:20', 'runbook.yaml:16:20', 'runbook.yaml:21:20'].map(
        (place, index) =>
          `${place} steps[${index}].with.units: expected 100 buckets at the gateways, saw 64 in the table they enforce`,
      ),
    ],
    [
      'a hook that the inventory does not have',
      [
        swap(
          validRunbook,
          'steps:\n',
          'steps:\n  - { id: tell, uses: callHook, with: { hook: nobody, afterAbort: leave } }\n',
        ),
        east,
      ],
      ['runbook.yaml:9:47 steps[0].with.hook: expected a hook: page, saw nobody'],
    ],
  ])('%s', (_, args, messages) => {
    expect(problemsOf(...args)).toEqual(messages);
  });

  test('a site without a node that may be primary', () => {
    const three = swap(validInventory, '  west: {}', '  west: {}\n  north: {}');
    expect(
      problemsOf(
        shipped('switch-database'),
        { to: 'north', parameters: { database: 'orders' } },
        atHome,
        three,
      ),
    ).toEqual([
      'runbook.yaml:11:45 steps[0].with.to: expected a site with a node of orders that may be primary, saw north, which has none',
    ]);
    expect(
      problemsOf(shipped('move-units'), { to: 'north', parameters: { unit: 'east-a' } }, atHome, three)[0],
    ).toBe(
      'runbook.yaml:11:20 steps[0].with.units: expected a unit in north that takes over from east-a, saw no unit there, and takenOverBy is west-a',
    );
  });
});
