import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, processesMarked, type ProcessIdentity } from './identity.ts';

/** Set for every child of the lab; its value is unique per start of a process. */
export const MARK_VARIABLE = 'SITESHIFT_LAB_MARK';

export interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  readonly mark: string;
  readonly command: string;
}

const recordsFolder = (stateFolder: string) => join(stateFolder, 'processes');

/** Written at once after a process was started, so that a lab that crashes leaves a list of what to end. */
export function writeRecord(stateFolder: string, record: ProcessRecord): void {
  const folder = recordsFolder(stateFolder);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${record.name}.json`);
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeRecord(stateFolder: string, name: string): void {
  rmSync(join(recordsFolder(stateFolder), `${name}.json`), { force: true });
}

export function readRecords(stateFolder: string): ProcessRecord[] {
  if (!existsSync(recordsFolder(stateFolder))) return [];
  return readdirSync(recordsFolder(stateFolder))
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(recordsFolder(stateFolder), file), 'utf8')) as ProcessRecord);
}

/** The processes of a record that still run: the one that we started and what carries its mark. */
export function membersOf(record: ProcessRecord): number[] {
  const marked = processesMarked(MARK_VARIABLE, record.mark);
  return isRunning(record) ? [...new Set([record.pid, ...marked])] : marked;
}

export function signalMembers(record: ProcessRecord, signal: NodeJS.Signals): void {
  // Hard signals go to the whole group in one call, so that no member runs on while we look for the others.
  // SIGTERM goes to each process once: some servers take the second one as "now, without cleaning up".
  if (signal !== 'SIGTERM' && isRunning(record)) sendSignal(-record.pid, signal);
  for (const pid of membersOf(record)) sendSignal(pid, signal);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ended between the look and the signal
  }
}

/** Ends what an earlier lab that crashed in this folder left running; returns the names of what it found. */
export async function endLeftovers(stateFolder: string, graceMs = 5_000): Promise<string[]> {
  const records = readRecords(stateFolder);
  const left = records.filter((record) => membersOf(record).length > 0);
  for (const record of left) {
    signalMembers(record, 'SIGCONT');
    signalMembers(record, 'SIGTERM');
  }
  const deadline = Date.now() + graceMs;
  for (const record of left) await endOne(record, deadline);
  for (const record of records) removeRecord(stateFolder, record.name);
  return left.map((record) => record.name);
}

async function endOne(record: ProcessRecord, deadline: number): Promise<void> {
  while (membersOf(record).length > 0) {
    if (Date.now() >= deadline) signalMembers(record, 'SIGKILL');
    if (Date.now() >= deadline + 10_000) {
      throw new Error(
        `${record.name} (pid ${record.pid}) is left from an earlier run and does not die on SIGKILL`,
      );
    }
    await sleep(20);
  }
}
