import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test.each<readonly [string, string]>([
  ['lab/demo.ts --bogus', "Unknown option '--bogus'\nnpm run demo "],
  [
    'lab/demo.ts --writes few',
    '--writes: expected a whole number from 100 to 1000000, saw "few"\nnpm run demo ',
  ],
  ['lab/main.ts --folder', "Option '--folder <value>' argument missing\nnpm run lab "],
  ['lab/fault.ts --all', "Unknown option '--all'\nnpm run fault "],
  [
    'lab/bench/main.ts push --consumers abc',
    '--consumers: expected a whole number from 1 to 10000, saw "abc"\nnpm run bench -- push: ',
  ],
])('%s: 2, and what was expected', (words, told) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, words.split(' '), { encoding: 'utf8' });
  expect({ status, stdout, told: stderr.slice(0, told.length) }).toEqual({ status: 2, stdout: '', told });
  expect(stderr).not.toMatch(/^ +at /m);
});

test('a folder that is no lab’s: 1, in words', () => {
  const { status, stderr } = spawnSync(process.execPath, ['lab/main.ts', '--folder', 'docs'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^✗ docs: expected an empty folder .*\n$/) as string,
  });
});
