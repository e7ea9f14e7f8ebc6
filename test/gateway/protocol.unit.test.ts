import { array, check, nat, noBias, noShrink, property } from 'fast-check';
import { expect, test } from 'vitest';
import { mutants, type Mutant } from './model/mutants.ts';
import { runModel, type RunResult } from './model/run-model.ts';

/**
 * The decision functions of agent and orchestrator in a world that loses, repeats and reorders messages, crashes,
 * pauses and cuts off gateways, reloads proxies, lets clocks run at different rates and has two orchestrators. At
 * every moment no bucket may be written at two units.
 */
const choices = noShrink(array(nat({ max: 0xff_ff_ff }), { minLength: 300, maxLength: 300, size: 'max' }));
const seed = 20_260_823;

function search(
  runs: number,
  mutant?: Mutant,
): { violation: RunResult | undefined; opened: number; undone: number; runs: number } {
  let opened = 0;
  let undone = 0;
  let done = 0;
  let violation: RunResult | undefined;
  check(
    property(noBias(choices), (numbers) => {
      const result = runModel(numbers, mutant);
      opened += result.opened;
      undone += result.undone;
      done += 1;
      if (result.violation !== undefined) violation = result;
      return result.violation === undefined;
    }),
    { numRuns: runs, seed, endOnFailure: true },
  );
  return { violation, opened, undone, runs: done };
}

test('no schedule makes a bucket writable at two units, and moves do go through', () => {
  const { violation, opened, undone, runs } = search(2_000);
  expect(violation === undefined ? '' : `${violation.trace.join('\n')}\n${violation.violation}`).toBe('');
  expect(runs).toBe(2_000);
  console.log(`${runs} schedules: ${opened} moves carried through, ${undone} undone`);
  expect(opened).toBeGreaterThan(1_000);
  expect(undone).toBeGreaterThan(200);
});

test.each(mutants)('the model notices when %s', (mutant) => {
  const { violation, runs } = search(4_000, mutant);
  console.log(`${mutant}: ${violation?.violation ?? 'not noticed'}, run ${runs}`);
  expect(violation?.violation).toMatch(/is written at two units/);
});
