import { expect, test } from 'vitest';
import { gatherNeeded, type Look } from '../../activities/gather-in-time.ts';

const never = new Promise<string>(() => undefined);
const look = (isNeeded: boolean, seen: Promise<string>): Look<string> & { readonly isNeeded: boolean } => ({
  isNeeded,
  look: seen,
  late: 'late',
});
const answers = Promise.resolve('seen');

test('what is not needed and stays silent holds nobody up', async () => {
  expect(await gatherNeeded([look(true, answers), look(false, never)], 1)).toEqual(['seen', 'late']);
});

test('what is not needed counts as long as it is there in time', async () => {
  expect(await gatherNeeded([look(true, answers), look(false, answers)], 60_000)).toEqual(['seen', 'seen']);
});

test('what is needed is waited for, however long the others have been silent', async () => {
  const slow = new Promise<string>((resolve) => setTimeout(() => resolve('at last'), 20));
  expect(await gatherNeeded([look(true, slow), look(false, never)], 1)).toEqual(['at last', 'late']);
});

test('what a needed look throws is thrown', async () => {
  const looks = [look(true, Promise.reject(new Error('split'))), look(false, never)];
  await expect(gatherNeeded(looks, 1)).rejects.toThrow('split');
});
