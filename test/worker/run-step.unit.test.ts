import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const runStep = (args: readonly string[], input: string) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['worker/run-step.ts', ...args], {
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

test.each([
  ['an unknown kind', ['toString'], '', /^step kind: expected one of claimEpoch, .*, saw "toString"$/m],
  ['a mistyped option', ['openUnits', '--time', '2'], '', /Unknown option '--time'/],
  [
    'no number of times',
    ['openUnits', '--times', 'two'],
    '',
    /^--times: expected a whole number from 1, saw "two"$/m,
  ],
  [
    'no JSON',
    ['openUnits'],
    'epoch: 12',
    /^step input on stdin: expected a JSON object, or several with one a line; saw /,
  ],
  [
    'a second input that is wrong: the first is not run either',
    ['callHook'],
    `${hookInput('apply')}\n${hookInput('pre-check')}\n`,
    /^step input 2 on stdin: mode: expected "precheck", "apply" or "undo", saw "pre-check"\nnothing was done$/m,
  ],
])('%s: exit code 2, no outcome', (_, args, input, message) => {
  expect(runStep(args, input)).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(message) as string,
  });
});

function hookInput(mode: string): string {
  return JSON.stringify({
    operation: { id: 'by-hand', domain: 'shop', epoch: 1, reason: 'a test', by: 'ann' },
    step: 'page',
    mode,
    style: 'graceful',
    parameters: { hook: 'page', url: 'http://127.0.0.1:9/', timeoutMs: 100, with: {} },
  });
}
