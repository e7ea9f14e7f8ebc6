import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply-command.ts';
import { commandRefusal } from '../../domain/judge-command.ts';
import { commandProblems, type RunCommandName, type RunCommands } from '../../domain/run-commands.ts';
import { initialState, stepEnded, stepStarted, type RunState } from '../../domain/run-state.ts';
import type { OutcomeStatus } from '../../domain/step.ts';
import { testOutcome, testPlan } from '../workflow/test-plan.ts';

const said = { by: 'bob', reason: 'because' };

describe('payloads', () => {
  const cases: readonly (readonly [RunCommandName, unknown, readonly string[]])[] = [
    ['retry', undefined, ['retry takes one JSON object {step, by?, reason?}; seen nothing']],
    ['retry', ['a'], ['retry takes one JSON object {step, by?, reason?}; seen ["a"]']],
    ['retry', 'a', ['retry takes one JSON object {step, by?, reason?}; seen "a"']],
    ['retry', {}, ['retry: step must be a text of 1 to 1000 characters; seen nothing']],
    ['retry', { step: 'a' }, []],
    [
      'skip',
      { step: 'a' },
      [
        'skip: by must be a text of 1 to 1000 characters; seen nothing',
        'skip: reason must be a text of 1 to 1000 characters; seen nothing',
      ],
    ],
    [
      'skip',
      { step: 'a', by: 'bob', reason: '  ' },
      ['skip: reason must be a text of 1 to 1000 characters; seen "  "'],
    ],
    ['force', { step: 1, ...said }, ['force: step must be a text of 1 to 1000 characters; seen 1']],
    ['abort', { ...said, step: 'a' }, ['abort: unknown field "step"; expected {by, reason}']],
    ['setStyle', { style: 'brutal', ...said }, ['setStyle: style must be graceful or forced; seen "brutal"']],
    [
      'accept',
      { step: 'a', ...said },
      ['accept: override must be a text of 1 to 1000 characters; seen nothing'],
    ],
    ['approve', { by: 'bob' }, ['approve: planDigest must be a text of 1 to 1000 characters; seen nothing']],
    [
      'commit',
      { by: 'x'.repeat(1_001) },
      [`commit: by must be a text of 1 to 1000 characters; seen "${'x'.repeat(56)}...`],
    ],
  ];
  test.each(cases)('%s %j', (name, value, problems) => {
    expect(commandProblems(name, value)).toEqual(problems);
  });
});

/** Steps and how their last attempt ended; `running` for one that is still at it. */
function stateWith(
  ends: { readonly [id: string]: OutcomeStatus | 'running' },
  parts: Parameters<typeof testPlan>[0],
): RunState {
  const plan = testPlan(parts);
  return Object.entries(ends).reduce(
    (state, [id, end]) => {
      const step = plan.steps.find((candidate) => candidate.id === id);
      if (step === undefined) throw new Error(`no step ${id}`);
      const started = stepStarted(state, id, 0);
      return end === 'running' ? started : stepEnded(started, step, testOutcome(end, `${id} ${end}`), 0);
    },
    initialState(plan, 'ann', []),
  );
}

describe('moments', () => {
  const approve = { kind: 'approve', parameters: { message: 'Go?', approvers: ['bob'], timeoutMs: 1 } };
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the runbook
  const hold = { kind: 'hold', parameters: { holdMs: 1, then: 'commit' } };
  const steps = [
    { id: 'claim', kind: 'claimEpoch' },
    { id: 'a' },
    { id: 'p', reversibility: 'point-of-no-return' as const },
    { id: 'ask', ...approve },
    { id: 'ask-2', ...approve },
    { id: 'look', ...hold },
  ];
  const approval = { by: 'bob', planDigest: testPlan(steps).digest };
  const forward = 'the only way is forward (retry, force, accept or skip what is parked)';
  const cases: readonly {
    readonly seen: Parameters<typeof stateWith>[0];
    readonly name: RunCommandName;
    readonly command: object;
    readonly refusal: string | undefined;
  }[] = [
    {
      seen: {},
      name: 'retry',
      command: { step: 'nope' },
      refusal: 'retry: there is no step "nope"; steps: claim, a, p, ask, ask-2, look',
    },
    {
      seen: {},
      name: 'retry',
      command: { step: 'a' },
      refusal: 'retry: a is waiting; only a parked step can be retried',
    },
    {
      seen: { a: 'running' },
      name: 'skip',
      command: { step: 'a', ...said },
      refusal: 'skip: a is running; only a parked step can be skipped',
    },
    {
      seen: { a: 'done' },
      name: 'force',
      command: { step: 'a', ...said },
      refusal: 'force: a is finished; only a parked step can be forced',
    },
    {
      seen: { a: 'done' },
      name: 'accept',
      command: { step: 'a', override: 'x', ...said },
      refusal: 'accept: a is finished; only a parked step can be overridden',
    },
    { seen: { a: 'refused' }, name: 'retry', command: { step: 'a' }, refusal: undefined },
    {
      seen: { claim: 'refused' },
      name: 'skip',
      command: { step: 'claim', ...said },
      refusal: 'skip: claim claims the epoch under which everything else is written; it cannot be skipped',
    },
    {
      seen: {},
      name: 'setStyle',
      command: { style: 'graceful', ...said },
      refusal: 'setStyle: the run is graceful already',
    },
    ...[
      { step: 'a', style: 'graceful', refusal: 'setStyle: a is graceful already' },
      { step: 'a', style: 'forced', refusal: undefined },
      {
        step: 'p',
        style: 'forced',
        refusal: 'setStyle: p is running; only a step that waits or is parked can change its style',
      },
      {
        step: 'x',
        style: 'forced',
        refusal: 'setStyle: there is no step "x"; steps: claim, a, p, ask, ask-2, look',
      },
    ].map(({ step, style, refusal }) => ({
      seen: { p: 'running' } as const,
      name: 'setStyle' as const,
      command: { step, style, ...said },
      refusal,
    })),
    { seen: {}, name: 'abort', command: said, refusal: undefined },
    {
      seen: { p: 'running' },
      name: 'abort',
      command: said,
      refusal: `abort: p is running and may pass its point of no return at any moment; wait until it ends: ${forward}`,
    },
    {
      seen: { p: 'done' },
      name: 'abort',
      command: said,
      refusal: `abort: p has passed its point of no return: ${forward}`,
    },
    {
      seen: { p: 'already' },
      name: 'abort',
      command: said,
      refusal: `abort: p has passed its point of no return: ${forward}`,
    },
    {
      seen: { p: 'unknown' },
      name: 'abort',
      command: said,
      refusal: `abort: p may have passed its point of no return (p unknown): ${forward}`,
    },
    { seen: { p: 'refused' }, name: 'abort', command: said, refusal: undefined },
    { seen: {}, name: 'approve', command: approval, refusal: 'approve: no approve step waits now' },
    {
      seen: { ask: 'running', 'ask-2': 'running' },
      name: 'approve',
      command: approval,
      refusal: 'approve: several approve steps wait (ask, ask-2); name one as step',
    },
    {
      seen: { ask: 'running' },
      name: 'approve',
      command: { ...approval, step: 'ask-2' },
      refusal: 'approve: ask-2 is no approve step that waits; waiting: ask',
    },
    {
      seen: { ask: 'running' },
      name: 'approve',
      command: { ...approval, by: 'eve' },
      refusal: 'approve: eve may not approve this run; those who may are bob',
    },
    {
      seen: { ask: 'running' },
      name: 'decline',
      command: { by: 'eve', reason: 'no' },
      refusal: 'decline: eve may not decline this run; those who may are bob',
    },
    {
      seen: { ask: 'running' },
      name: 'decline',
      command: { by: 'ann', reason: 'mistake' },
      refusal: undefined,
    },
    { seen: {}, name: 'commit', command: { by: 'bob' }, refusal: 'commit: no hold step waits now' },
    {
      seen: { look: 'running', p: 'done' },
      name: 'rollBack',
      command: said,
      refusal: `rollBack: p has passed its point of no return: ${forward}`,
    },
    { seen: { look: 'running' }, name: 'rollBack', command: said, refusal: undefined },
  ];
  test.each(cases)('$name when $seen', ({ seen, name, command, refusal }) => {
    expect(commandRefusal(stateWith(seen, steps), name, command as RunCommands[RunCommandName])).toBe(
      refusal,
    );
  });

  test('force of a step that ran forced already', () => {
    const forced = applyCommand(stateWith({ a: 'refused' }, steps), 'force', { step: 'a', ...said }, 0);
    const step = forced.plan.steps[1];
    if (step === undefined) throw new Error('no step');
    const again = stepEnded(stepStarted(forced, 'a', 0), step, testOutcome('refused'), 0);
    expect(commandRefusal(again, 'force', { step: 'a', ...said })).toBe(
      'force: a ran forced already; retry it, accept what it asks for, or skip it',
    );
  });

  test('while the run is being aborted', () => {
    const state = applyCommand(stateWith({ a: 'done' }, steps), 'abort', said, 0);
    const refusal = (name: RunCommandName, command: object) =>
      commandRefusal(state, name, command as RunCommands[RunCommandName]);
    expect(refusal('abort', said)).toBe('abort: the run is being aborted already');
    expect(refusal('retry', { step: 'a' })).toBe(
      'retry: the run is being aborted; a can be retried only if undoing it does not work',
    );
    expect(refusal('force', { step: 'a', ...said })).toBe(
      'force: the run is being aborted; a step can only be retried or skipped where undoing it does not work',
    );
    expect(refusal('setStyle', { style: 'forced', ...said })).toBe(
      'setStyle: the run is being aborted; nothing more is started',
    );
    expect(refusal('commit', { by: 'bob' })).toBe('commit: the run is being aborted');
  });

  test('a closed run and a precheck take no commands', () => {
    expect(commandRefusal(stateWith({ a: 'done' }, [{ id: 'a' }]), 'retry', { step: 'a' })).toBe(
      'retry: the run is closed; start a new one',
    );
    const precheck = initialState(testPlan([{ id: 'a' }], { mode: 'precheck' }), 'ann', []);
    expect(commandRefusal(precheck, 'abort', said)).toBe(
      'abort: a precheck changes nothing and takes no commands; cancel the workflow to stop it',
    );
  });
});
