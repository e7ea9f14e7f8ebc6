import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compilePlan } from '../../domain/compile.ts';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import { parseStepInput } from '../../domain/schema/step-input.ts';
import { stepParameters } from '../../domain/schema/step-parameters.ts';
import type { Json } from '../../domain/json.ts';
import { atHome } from './observations.ts';
import { validInventory } from './valid-texts.ts';

const request = { mode: 'real', style: 'graceful', drill: false, reason: 'a storm', by: 'ann' } as const;

/** Of each kind, the parameters of the first step of a planned move in the inventory of valid-texts.ts. */
function compiled(): { readonly [kind: string]: Json } {
  const inventory = loadInventory(validInventory, 'siteshift.yaml');
  const runbook = loadRunbook(readFileSync('runbooks/site-failover.yaml'), 'site-failover.yaml');
  if (!inventory.ok || !runbook.ok) throw new Error('the valid texts are not');
  const result = compilePlan({
    inventory,
    runbook,
    request: { ...request, runbook: 'site-failover', from: 'east', to: 'west' },
    observed: atHome,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const steps = result.plan.steps.toReversed();
  return Object.fromEntries(steps.map(({ kind, parameters }) => [kind, parameters]));
}
const parameters = compiled();
const hook = { hook: 'page', url: 'http://hooks.example/page', timeoutMs: 1_000, with: { text: 'on' } };

const input = (kind: string) => ({
  operation: { id: 'site-failover-1', domain: 'shop', epoch: 12, reason: 'a storm', by: 'ann' },
  step: `by-hand/${kind}`,
  mode: 'apply',
  style: 'forced',
  parameters: kind === 'callHook' ? hook : parameters[kind],
});

test.each(Object.keys(stepParameters))('what is compiled for %s is taken as it is', (kind) => {
  expect(parseStepInput(kind, input(kind))).toEqual({ ok: true, input: input(kind) });
});

/** What is merged into a good input of the kind; undefined takes a member out. */
type Row = readonly [string, string, object, readonly string[]];
const operation = (more: object) => ({ operation: { ...input('openUnits').operation, ...more } });
const wrong = (kind: string, more: object) => ({
  parameters: { ...(input(kind).parameters as object), ...more },
});
const cluster = (more: object) => {
  const { cluster } = parameters['promoteDatabase'] as { readonly cluster: object };
  return wrong('promoteDatabase', { cluster: { ...cluster, ...more } });
};

const rows: readonly Row[] = [
  [
    'a mode that is nearly one',
    'promoteDatabase',
    { mode: 'pre-check' },
    ['mode: expected "precheck", "apply" or "undo", saw "pre-check"'],
  ],
  [
    'a style in capitals',
    'promoteDatabase',
    { style: 'Graceful' },
    ['style: expected "graceful" or "forced", saw "Graceful"'],
  ],
  [
    'no mode',
    'openUnits',
    { mode: undefined },
    ['mode: expected "precheck", "apply" or "undo", saw nothing'],
  ],
  ['an operation that is a number', 'openUnits', { operation: 1 }, ['operation: expected a map, saw 1']],
  [
    'an epoch as text',
    'openUnits',
    operation({ epoch: '12' }),
    ['operation.epoch: expected a number, saw "12"'],
  ],
  [
    'a negative epoch',
    'openUnits',
    operation({ epoch: -1 }),
    ['operation.epoch: expected a number of at least 0, saw -1'],
  ],
  [
    'no reason',
    'openUnits',
    operation({ reason: '' }),
    ['operation.reason: expected at least 1 character, saw ""'],
  ],
  [
    'an override without its reason',
    'promoteDatabase',
    { overrides: { acceptLoss: true } },
    ['overrides.acceptLoss: expected a text, saw true'],
  ],
  [
    'an unknown member',
    'openUnits',
    { epoch: 12 },
    [
      'epoch: expected one of the keys "operation", "step", "mode", "style", "snapshot", "overrides" or "parameters", saw the key "epoch"',
    ],
  ],
  [
    'a mistyped parameter',
    'promoteDatabase',
    wrong('promoteDatabase', { acceptableLoss: 5 }),
    [
      'parameters.acceptableLoss: expected one of the keys "database", "cluster", "primary", "toSite", "fromSite" or "acceptableLossTransactions", saw the key "acceptableLoss"',
    ],
  ],
  [
    'a primary that is no node',
    'promoteDatabase',
    wrong('promoteDatabase', { primary: 'orders-north' }),
    ['parameters.primary: expected a node of the cluster, saw "orders-north"'],
  ],
  [
    'an engine that we do not know',
    'promoteDatabase',
    cluster({ engine: 'oracle' }),
    ['parameters.cluster.engine: expected "mysql" or "mariadb", saw "oracle"'],
  ],
  [
    'a password instead of a reference',
    'promoteDatabase',
    cluster({ admin: { user: 'dr', password: 'hunter2' } }),
    [
      'parameters.cluster.admin.password: expected a reference, env:NAME or file:PATH; never the secret itself, saw a string that is not shown here',
    ],
  ],
  [
    'a table that leaves buckets out',
    'fenceUnits',
    wrong('fenceUnits', { wanted: [{ unit: 'west-a', state: 'open' }] }),
    ['parameters.wanted: expected tables with one rule for each of routing.buckets, saw a list of 1 item'],
  ],
  [
    'a bucket that is neither open nor fenced',
    'openUnits',
    wrong('openUnits', {
      wanted: atHome.routing?.table.map((rule) => ({ ...rule, state: 'closed' })).slice(99),
    }),
    ['parameters.wanted[0].state: expected "open" or "fenced", saw "closed"'],
  ],
  [
    'no parameters for a step of the clusters',
    'scaleOutNodes',
    { parameters: undefined },
    ['parameters: expected a map, saw nothing'],
  ],
];

test.each(rows)('%s is refused with its place', (_, kind, more, problems) => {
  expect(parseStepInput(kind, { ...input(kind), ...more })).toEqual({ ok: false, problems });
});

test('an input that is no map is refused as a whole', () => {
  expect(parseStepInput('openUnits', [])).toEqual({
    ok: false,
    problems: ['input: expected a map, saw an empty list'],
  });
});

test('the input that docs/operations.md shows is one', () => {
  const page = readFileSync('docs/operations.md', 'utf8');
  const [, text = ''] = /## One step without Temporal[^]*?```json\n([^]*?)```/.exec(page) ?? [];
  expect(parseStepInput('promoteDatabase', JSON.parse(text))).toMatchObject({ ok: true });
});
