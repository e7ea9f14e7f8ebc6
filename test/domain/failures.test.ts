import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { failures, nameFailure, nonRetryableFailures } from '../../domain/failures.ts';

const page = readFileSync(new URL('../../docs/failures.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

test('docs/failures.md says what the table says', () => {
  expect(rows).toEqual(
    Object.entries(failures).map(([name, { isRetryable, meaning, operatorDoes }]) => [
      `\`${name}\``,
      isRetryable ? 'yes' : 'no',
      meaning,
      operatorDoes,
    ]),
  );
});

test('what must not be repeated is known to the retry policy', () => {
  expect(nonRetryableFailures).toEqual([
    'InvalidRequest',
    'InvalidInventory',
    'PlanRefused',
    'CommandRefused',
  ]);
});

test('a failure carries its words and no stack', () => {
  const made = nameFailure((fields) => Object.assign(new Error(fields.message), fields), 'PlanRefused', 'no');
  expect(made).toMatchObject({ type: 'PlanRefused', message: 'no', nonRetryable: true, stack: '' });
});
