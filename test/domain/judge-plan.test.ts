import { describe, expect, test } from 'vitest';
import { planProblems } from '../../domain/judge-plan.ts';
import { planDigest } from '../../domain/plan-digest.ts';
import type { Plan } from '../../domain/plan.ts';
import { testPlan, testStep } from '../workflow/test-plan.ts';

const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }]);
const lock = 'failover/shop';

/** The plan with other members, under the digest of what it then holds. */
function stamped(parts: object): Plan {
  const { digest: _digest, ...content } = { ...plan, ...parts } as Plan;
  return { ...content, digest: planDigest(content) };
}
const steps = (...parts: readonly object[]) => ({
  steps: parts.map((part, index) => ({ ...testStep({ id: `s${index}` }), ...part })),
});

test('a plan that is what its digest says may be executed under the lock of its domain, in either mode', () => {
  expect(planProblems(plan, { workflowId: lock, planDigest: plan.digest })).toEqual([]);
  expect(planProblems({ ...plan, mode: 'precheck' }, {})).toEqual([]);
  // What a history holds has been through JSON.
  expect(planProblems(JSON.parse(JSON.stringify(plan)), { workflowId: lock })).toEqual([]);
});

test('whatever is changed in a plan is noticed', () => {
  const changes = [
    { style: 'forced' },
    { to: 'north' },
    { drill: true },
    { domain: 'bank' },
    { sources: { ...plan.sources, inventory: 'c'.repeat(64) } },
    { leftOut: [] },
    { steps: plan.steps.slice(0, 1) },
    { steps: [{ ...plan.steps[0], parameters: { host: 'elsewhere' } }, plan.steps[1]] },
  ];
  for (const change of changes) {
    const [problem = '', ...more] = planProblems({ ...plan, ...change }, {});
    expect(more).toEqual([]);
    expect(problem).toBe(
      `digest must be that of the plan's content, ${stamped(change).digest}; seen ${plan.digest}`,
    );
  }
});

test('another plan than the one that was asked for, and another lock than its own, are refused', () => {
  const asked = 'f'.repeat(64);
  expect(planProblems(plan, { workflowId: 'failover/bank', planDigest: asked })).toEqual([
    `digest must be ${asked}, which was asked for; seen ${plan.digest}`,
    'the plan must run in workflow failover/shop, its lock; seen failover/bank',
  ]);
});

test('a plan that moves nothing may run under an id of its own, one that moves something may not', () => {
  const captures = stamped({ runbook: 'capture-manifests', ...steps({ kind: 'captureManifests' }) });
  expect(planProblems(captures, { workflowId: 'capture-manifests/shop' })).toEqual([]);
  expect(planProblems(plan, { workflowId: 'site-failover/shop' }).length).toBe(1);
});

describe('malformed plans', () => {
  const cases: readonly (readonly [name: string, plan: unknown, ...problems: readonly string[]])[] = [
    ['nothing', undefined, 'the plan must be an object; seen nothing'],
    ['a list', [plan], 'the plan must be an object; seen a list of 1 item'],
    ['another version', stamped({ version: 2 }), 'version must be 1; seen 2'],
    ['an unknown mode', stamped({ mode: 'Real' }), 'mode must be "precheck" or "real"; seen "Real"'],
    ['no style', stamped({ style: undefined }), 'style must be "graceful" or "forced"; seen nothing'],
    ['no domain', stamped({ domain: '' }), 'domain must be a text that is not empty; seen ""'],
    ['no steps', stamped({ steps: [] }), 'steps must be a list of at least one step; seen an empty list'],
    [
      'steps of another shape',
      stamped({ steps: {} }),
      'steps must be a list of at least one step; seen an empty map',
    ],
    ['no digest', { ...plan, digest: 'abc' }, 'digest must be 64 lower-case hex digits; seen "abc"'],
    ['a step that is none', stamped({ steps: ['a'] }), 'steps[0] must be an object; seen "a"'],
    [
      'a step with wrong members',
      stamped(steps({ kind: 7, needs: 'a', reversibility: 'maybe', style: 'brutal', parameters: undefined })),
      'steps[0].kind must be a text that is not empty; seen 7',
      'steps[0].needs must be a list of step ids; seen "a"',
      'steps[0].reversibility must be "reversible", "forward-only" or "point-of-no-return"; seen "maybe"',
      'steps[0].parameters must be something; seen nothing',
      'steps[0].style must be "graceful" or "forced"; seen "brutal"',
    ],
    [
      'one id twice',
      stamped(steps({ id: 'a' }, { id: 'a' })),
      'steps must have an id each; seen "a" more than once',
    ],
    ['a need that is no step', stamped(steps({ needs: ['x'] })), 's0 must need steps of the plan; seen "x"'],
    [
      'a circle',
      stamped(steps({ needs: ['s1'] }, { needs: ['s0'] })),
      'steps must not wait for each other in a circle; seen s0 → s1',
    ],
  ];
  test.each(cases)('%s', (_name, malformed, ...problems) => {
    expect(planProblems(malformed, { workflowId: lock })).toEqual(problems);
  });
});
