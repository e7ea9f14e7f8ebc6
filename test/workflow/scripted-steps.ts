import type { StepActivity } from '../../activities/step-activity.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import { testOutcome } from './test-plan.ts';

type Answer = StepOutcome | ((input: StepInput) => Promise<StepOutcome> | StepOutcome);

/** Calls that the fake steps received, in the order in which they came. */
export interface ScriptedSteps {
  readonly calls: StepInput[];
  readonly steps: { readonly fakeStep: StepActivity };
}

/**
 * Fake steps that answer from a script: `<step>` or `<mode> <step>` → its answers, one a call, the last one again and
 * again. A step without a script is done (planned in a precheck).
 */
export function scriptedSteps(script: { readonly [call: string]: readonly Answer[] } = {}): ScriptedSteps {
  const calls: StepInput[] = [];
  const taken = new Map<string, number>();
  const fakeStep: StepActivity = async (input) => {
    calls.push(input);
    const key = [`${input.mode} ${input.step}`, input.step].find((candidate) => candidate in script);
    const answers =
      key === undefined || (key === input.step && input.mode !== 'apply') ? [] : (script[key] ?? []);
    const index = taken.get(key ?? '') ?? 0;
    taken.set(key ?? '', index + 1);
    const answer = answers[Math.min(index, answers.length - 1)] ?? usual(input);
    return typeof answer === 'function' ? answer(input) : answer;
  };
  return { calls, steps: { fakeStep } };
}

const usual = ({ mode, step }: StepInput): StepOutcome => {
  if (mode === 'precheck') return testOutcome('planned', `would do ${step}`);
  return mode === 'undo'
    ? testOutcome('done', `undid ${step}`)
    : testOutcome('done', `did ${step}`, { snapshot: { before: step } });
};
