import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { membersOf, readRecords, type ProcessRecord } from '../../lab/process/leftovers.ts';
import { repositoryFile } from '../../lab/sites/start-worker.ts';
import { stateFolderOf } from '../../lab/work-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-signals-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program of the lab, as soon as one server runs and the others are being started. */
async function starting(...words: string[]): Promise<{ child: ChildProcess; records: ProcessRecord[] }> {
  const [script = '', ...args] = words;
  const child = spawn(process.execPath, [repositoryFile(script), ...args, '--folder', folder], {
    stdio: 'ignore',
  });
  for (;;) {
    const records = readRecords(stateFolderOf(folder));
    if (records.length > 0) return { child, records };
    if (child.exitCode !== null)
      throw new Error(`${script} ended with ${child.exitCode} before it started anything`);
    await sleep(5);
  }
}

test.each([
  [['lab/main.ts', '--no-nacos'], 'SIGINT', 130],
  [['lab/demo.ts'], 'SIGTERM', 143],
] as const)('%s ends everything when it is stopped while it starts', async (words, signal, code) => {
  const { child, records } = await starting(...words);
  child.kill(signal);
  expect(await once(child, 'exit')).toEqual([code, null]);
  expect(records.flatMap(membersOf)).toEqual([]);
  expect(readRecords(stateFolderOf(folder))).toEqual([]);
});
