import { array, assert, constantFrom, nat, property, record, uniqueArray } from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { bucketsOf, rangesOf } from '../../domain/bucket-ranges.ts';
import { compilePlan } from '../../domain/compile.ts';
import { ancestorsOf, findCycle } from '../../domain/graph.ts';
import { planProblems } from '../../domain/judge-plan.ts';
import { moveUnits } from '../../domain/moved-units.ts';
import type { UnitMove, UnitMoveResult } from '../../domain/moved-units.ts';
import type { Plan } from '../../domain/plan.ts';
import type { RoutingTable } from '../../domain/routing.ts';
import { planWorkflowId } from '../../domain/search-attributes.ts';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import type { Routing } from '../../domain/schema/inventory.ts';
import type { Loaded, NotLoaded } from '../../domain/schema/load.ts';
import type { Runbook } from '../../domain/schema/runbook.ts';
import { atHome } from './observations.ts';
import { validInventory } from './valid-texts.ts';

const inventory = loadInventory(validInventory, 'siteshift.yaml');

function must<Value>(loaded: Loaded<Value> | NotLoaded): Loaded<Value> {
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join('\n'));
  return loaded;
}
function mustMove(result: UnitMoveResult): UnitMove {
  if (!result.ok) throw new Error(result.seen);
  return result.move;
}

const move = { units: { at: '${from}' }, to: '${to}' };
const withOf = {
  fenceUnits: move,
  promoteDatabase: { databases: { primaryAt: '${from}' }, to: '${to}' },
  pushDatasource: { datasources: { primaryAt: '${from}' }, to: '${to}' },
  openUnits: move,
  verifyEndpoint: move,
  approve: { message: 'Go on?' },
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the runbook
  hold: { holdMs: 1_000, then: 'commit' },
  callHook: { hook: 'page', afterAbort: 'leave' },
} as const;
const kinds = Object.keys(withOf) as (keyof typeof withOf)[];

const someSteps = (needsAt: (index: number, drawn: readonly number[]) => readonly number[]) =>
  array(record({ uses: constantFrom(...kinds), needs: uniqueArray(nat({ max: 7 }), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 7,
  }).map((steps) =>
    steps.map(({ uses, needs }, index) => ({
      id: `s${index}`,
      uses,
      needs: needsAt(index, needs).map((need) => `s${need}`),
      with: withOf[uses],
    })),
  );
type Steps = readonly {
  readonly id: string;
  readonly uses: keyof typeof withOf;
  readonly needs: readonly string[];
}[];

/** Any needs, cycles and unknown ids among them. */
const anySteps = someSteps((_, drawn) => drawn);
/** Needs of earlier steps only, and a fence in front of everything. */
const soundSteps = someSteps((index, drawn) => [
  ...new Set(drawn.map((need) => need % Math.max(index, 1))),
]).map((steps) =>
  steps.map((step, index) =>
    index === 0
      ? { ...step, uses: 'fenceUnits' as const, needs: [], with: move }
      : { ...step, needs: [...new Set(['s0', ...step.needs])] },
  ),
);

const load = (steps: readonly object[]) =>
  loadRunbook(
    stringify({
      version: 1,
      name: 'any',
      description: 'Any.',
      parameters: { from: { type: 'site', required: true }, to: { type: 'site', required: true } },
      steps,
    }),
    'any.yaml',
  );

function planOf(steps: readonly object[]): { runbook: Loaded<Runbook>; plan: Plan } {
  const runbook = load(steps);
  if (!runbook.ok) throw new Error(runbook.problems.map((problem) => problem.message).join('\n'));
  const request = { runbook: 'any', from: 'east', to: 'west' };
  const result = compilePlan({ runbook, inventory: must(inventory), request, observed: atHome });
  if (!result.ok) throw new Error(result.problems.map((problem) => problem.message).join('\n'));
  return { runbook, plan: result.plan };
}

test('a plan can be carried out: known needs, no cycle, and the claim before every target', () => {
  assert(
    property(soundSteps, (steps) => {
      const { plan } = planOf(steps);
      const ids = plan.steps.map((step) => step.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(plan.steps.flatMap((step) => step.needs).filter((need) => !ids.includes(need))).toEqual([]);
      expect(findCycle(plan.steps)).toBeUndefined();
      expect(planProblems(plan, { workflowId: planWorkflowId(plan.domain) })).toEqual([]);
      const touching = plan.steps.filter(({ kind }) => !['claimEpoch', 'approve', 'hold'].includes(kind));
      for (const { id } of touching) expect(ancestorsOf(plan.steps, id)).toContain('claim');
      for (const { title } of plan.steps) expect(title.length).toBeLessThanOrEqual(120);
    }),
    { numRuns: 150 },
  );
});

const isPerDatabase = (uses: string | undefined) => uses === 'promoteDatabase' || uses === 'pushDatasource';

/** Targets that may start although something that the runbook puts before them has not finished. */
function overtaking(steps: Steps, plan: Plan): readonly string[] {
  const targetsOf = (id: string) =>
    plan.steps.filter((step) => step.id === id || step.id.startsWith(`${id}/`));
  return steps.flatMap((step) =>
    [...ancestorsOf(steps, step.id)].flatMap((before) =>
      targetsOf(step.id).flatMap((target) => {
        const ancestors = ancestorsOf(plan.steps, target.id);
        const awaited = targetsOf(before).filter(({ id }) => ancestors.has(id)).length;
        // Between steps about databases a target waits for its own database only.
        const uses = steps.find((other) => other.id === before)?.uses;
        const least = isPerDatabase(step.uses) && isPerDatabase(uses) ? 1 : targetsOf(before).length;
        return awaited < least ? [`${target.id} overtakes ${before}`] : [];
      }),
    ),
  );
}

test('order is kept: what a runbook puts after another step is after all of its targets', () => {
  assert(
    property(soundSteps, (steps) => {
      expect(overtaking(steps, planOf(steps).plan)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

const usesOf = (steps: Steps, id: string) => steps.find((step) => step.id === id)?.uses;
const isBroken = (steps: Steps): boolean =>
  findCycle(steps) !== undefined ||
  steps.some((step) => step.needs.some((need) => usesOf(steps, need) === undefined)) ||
  steps.some(
    (step) =>
      step.uses === 'openUnits' &&
      ![...ancestorsOf(steps, step.id)].some((id) => usesOf(steps, id) === 'fenceUnits'),
  );

test('a cycle, an unknown need or an unfenced opening is always refused, with a line, and nothing else is', () => {
  const seen = { refused: 0, accepted: 0 };
  assert(
    property(anySteps, (steps) => {
      const runbook = load(steps);
      expect(runbook.ok).toBe(!isBroken(steps));
      seen[runbook.ok ? 'accepted' : 'refused'] += 1;
      const lines = runbook.ok ? [] : runbook.problems.map((problem) => problem.line);
      expect(lines.filter((line) => line <= 8)).toEqual([]); // all of them in the steps
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.refused, seen.accepted)).toBeGreaterThan(0);
});

test('the same input gives the same plan, byte for byte', () => {
  assert(
    property(soundSteps, (steps) => {
      expect(JSON.stringify(planOf(steps).plan)).toBe(JSON.stringify(planOf(steps).plan));
    }),
    { numRuns: 50 },
  );
});

const anyTable: Arbitrary<RoutingTable> = array(
  record({ unit: constantFrom('east-a', 'west-a'), state: constantFrom('open' as const, 'fenced' as const) }),
  { minLength: 100, maxLength: 100 },
);

test('moving units: only what moves changes, every bucket ends at the target, and moving twice moves nothing', () => {
  const { routing } = must(inventory).value;
  assert(
    property(anyTable, (table) => {
      const once = mustMove(moveUnits(routing as Routing, table, { at: 'east' }, 'west'));
      expect(
        once.wanted.filter((rule, bucket) => !once.moved.includes(bucket) && rule !== table[bucket]),
      ).toEqual([]);
      expect(once.wanted.filter((rule) => rule.unit !== 'west-a')).toEqual([]);
      expect(mustMove(moveUnits(routing as Routing, once.wanted, { at: 'east' }, 'west')).moved).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('bucket ranges are read as they are written', () => {
  const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
  assert(
    property(uniqueArray(nat({ max: 199 }), { minLength: 1, maxLength: 60 }), (buckets) => {
      const result = bucketsOf(rangesOf(buckets), 200);
      expect(result.ok && sorted(result.buckets)).toEqual(sorted(buckets));
    }),
  );
});
