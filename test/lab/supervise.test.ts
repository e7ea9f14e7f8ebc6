import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identify } from '../../lab/process/identity.ts';
import { membersOf, readRecords, writeRecord } from '../../lab/process/leftovers.ts';
import { openSupervisor, type ProcessSpec } from '../../lab/process/supervise.ts';

let folder: string;
const said: string[] = [];
const open = () => openSupervisor({ stateFolder: folder, say: (line) => said.push(line) });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-supervise-'));
  said.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const shell = (script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name: 'shell',
  command: 'sh',
  args: ['-c', script],
  ports: {},
  ready: async () => undefined,
  ...more,
});

describe('one process', () => {
  test('starts, restarts with the same arguments and stops with all that it started', async () => {
    const supervisor = await open();
    const one = await supervisor.start(shell('sleep 300 & wait'));
    const before = one.pid;
    expect(one.alive()).toBe(true);
    await one.restart();
    expect(one.pid).not.toBe(before);
    expect(identify(before)).toBeUndefined();
    const [record] = readRecords(folder);
    await one.stop();
    expect(one.alive()).toBe(false);
    expect(record === undefined ? undefined : membersOf(record)).toEqual([]);
    expect(readRecords(folder)).toEqual([]);
    await supervisor.close();
  });

  test('a paused process runs on after resume and can be stopped while paused', async () => {
    const supervisor = await open();
    const one = await supervisor.start(shell('while :; do echo tick; sleep 0.02; done'));
    const size = () => (identify(one.pid) === undefined ? 0 : logSize(one.logFile));
    one.pause();
    await sleep(50);
    const paused = size();
    await sleep(200);
    expect(size()).toBe(paused);
    one.resume();
    await sleep(300);
    expect(size()).toBeGreaterThan(paused);
    one.pause();
    await one.stop();
    expect(one.alive()).toBe(false);
    await supervisor.close();
  });

  test('a program that ignores SIGTERM is killed', async () => {
    const supervisor = await open();
    const spec = shell("trap '' TERM; while :; do sleep 0.05; done", { stopWithinMs: 200 });
    const one = await supervisor.start(spec);
    await sleep(100); // the trap is set by then
    await one.stop();
    expect(one.alive()).toBe(false);
    await supervisor.close();
  });
});

describe('a start that fails says what was seen and leaves nothing', () => {
  test('the process ends', async () => {
    const supervisor = await open();
    const start = supervisor.start(
      shell('echo the port is taken; exit 3', { ready: () => Promise.reject(new Error('not yet')) }),
    );
    await expect(start).rejects.toThrow(
      /shell ended with code 3 before it was ready[\s\S]*the port is taken/,
    );
    await supervisor.close();
  });

  test('it never becomes ready', async () => {
    const supervisor = await open();
    const start = supervisor.start(
      shell('sleep 300', {
        readyWithinMs: 200,
        ready: () => Promise.reject(new Error('connection refused')),
      }),
    );
    await expect(start).rejects.toThrow('was not ready within 0.2 s; last check: connection refused');
    expect(readRecords(folder)).toEqual([]);
    await supervisor.close();
  });

  test('the program does not exist', async () => {
    const supervisor = await open();
    await expect(supervisor.start(shell('', { command: '/nowhere/program' }))).rejects.toThrow(
      'cannot start shell',
    );
    await supervisor.close();
  });
});

describe('after a crash of the lab', () => {
  test('the next start ends what is left, forked daemons included', async () => {
    const lab = await startSmallLab();
    const [record] = readRecords(folder);
    if (record === undefined) throw new Error('the lab wrote no record');
    expect(membersOf(record)).toHaveLength(3);
    await expect(open()).rejects.toThrow(`another lab (process ${lab.pid}) is running`);

    lab.kill('SIGKILL');
    await ended(lab);
    expect(membersOf(record)).toHaveLength(3);
    const supervisor = await open();
    expect(membersOf(record)).toEqual([]);
    expect(said).toEqual(['ended what an earlier run left: forking-server']);
    await supervisor.close();
  });

  test('what remains of a group whose leader was killed is ended, too', async () => {
    const lab = await startSmallLab();
    const [record] = readRecords(folder);
    if (record === undefined) throw new Error('the lab wrote no record');
    lab.kill('SIGKILL');
    await ended(lab);
    process.kill(record.pid, 'SIGKILL');
    const supervisor = await open();
    expect(membersOf(record)).toEqual([]);
    await supervisor.close();
  });

  test('a process that got the number of ours is left alone', async () => {
    const innocent = spawn('sleep', ['300'], { stdio: 'ignore' });
    const identity = identify(innocent.pid ?? 0);
    if (identity === undefined) throw new Error('sleep did not start');
    const record = { ...identity, name: 'gone', mark: 'none', command: 'sleep' };
    writeRecord(folder, { ...record, name: 'another-start', startTime: '1' });
    writeRecord(folder, { ...record, name: 'another-boot', bootId: 'b' });
    const supervisor = await open();
    expect(identify(innocent.pid ?? 0)).toBeDefined();
    expect(readRecords(folder)).toEqual([]);
    await supervisor.close();
    innocent.kill('SIGKILL');
  });
});

test('closing during a restart leaves nothing running', async () => {
  const supervisor = await open();
  const one = await supervisor.start(shell('sleep 300'));
  const [restart] = await Promise.allSettled([one.restart(), supervisor.close()]);
  expect(String(restart.status === 'rejected' && restart.reason)).toContain('the lab is closing');
  expect(one.alive()).toBe(false);
});

test('Ctrl-C stops everything and leaves no process behind', async () => {
  const lab = await startSmallLab();
  const [record] = readRecords(folder);
  lab.kill('SIGINT');
  lab.kill('SIGINT'); // as npm does: one press of the keys arrives twice
  expect(await ended(lab)).toBe(130);
  expect(record === undefined ? undefined : membersOf(record)).toEqual([]);
  expect(readRecords(folder)).toEqual([]);
});

async function startSmallLab(): Promise<ChildProcess> {
  const lab = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/small-lab.ts'), folder]);
  let printed = '';
  lab.stdout.on('data', (text: Buffer) => (printed += text.toString()));
  while (!printed.includes('started')) await sleep(10);
  while (readRecords(folder).flatMap(membersOf).length < 3) await sleep(10);
  return lab;
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });

const logSize = (file: string) => statSync(file).size;
