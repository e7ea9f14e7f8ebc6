import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { runFault } from '../../lab/fault-commands.ts';
import { WrongArguments } from '../../lab/tell-errors.ts';
import type { TwoSiteLab } from '../../lab/two-site-lab.ts';

const tooLong = `/tmp/${'x'.repeat(76)}`;

test.each<readonly [string, string]>([
  ['lab/demo.ts --bogus', "Unknown option '--bogus'\nnpm run demo "],
  [
    'lab/demo.ts --writes few',
    '--writes: expected a whole number from 100 to 1000000, saw "few"\nnpm run demo ',
  ],
  ['lab/main.ts --folder', "Option '--folder <value>' argument missing\nnpm run lab "],
  ['lab/fault.ts --all', "Unknown option '--all'\nnpm run fault "],
  [
    `lab/main.ts --folder ${tooLong}`,
    `${tooLong}: expected a folder with a path of at most 80 bytes (unix sockets of the gateways are in it), saw 81; `,
  ],
  [
    'lab/bench/main.ts push --consumers abc',
    '--consumers: expected a whole number from 1 to 10000, saw "abc"\nnpm run bench -- push: ',
  ],
  ['lab/bench/main.ts push --targets nacos,etcdd', '--targets: expected some of nacos,etcd,'],
  ['lab/fault.ts frobnicate', 'expected one of list, lose, kill, '],
  ['lab/fault.ts kill', 'kill: expected PART, saw ""\nnpm run fault '],
  ['lab/fault.ts lose north', 'site: expected east or west, saw "north"\nnpm run fault '],
  ['lab/fault.ts delay worker etcd soon', 'delay: expected a number of ms, saw "soon"\nnpm run fault '],
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

describe('a fault that a running lab is asked for', () => {
  const parts = ['etcd', 'worker'].map((name) => ({ name }));
  const lab = {
    supervisor: { list: () => parts },
    paths: {
      leadTo: (name: string) => name === 'etcd',
      set: () => undefined,
      rules: () => ['worker → etcd'],
    },
    part: (name: string) => ({ name, restart: () => Promise.reject(new Error(`${name} does not come up`)) }),
    partsOf: () => [],
  } as unknown as TwoSiteLab;
  const exitCodeOf = (words: string) =>
    runFault(lab, words.split(' ')).then(
      () => 0,
      (error: unknown) => (error instanceof WrongArguments ? 2 : 1),
    );

  test.each([
    ['delay worker etcd 20', 0],
    ['kill nosuch', 2],
    ['cut nosuch etcd', 2],
    ['cut etcd worker', 2], // nobody connects to a worker
    ['heal everything', 2],
    ['start etcd', 1],
  ])('%s: %i', async (words, exitCode) => {
    expect(await exitCodeOf(words)).toBe(exitCode);
  });
});
