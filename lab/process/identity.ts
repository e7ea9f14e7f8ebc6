import { readFileSync, readdirSync } from 'node:fs';

/** What names a process for good: a pid alone is given out again, and a start time repeats after a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, from the kernel. */
  readonly startTime: string;
  readonly bootId: string;
}

/** Identifies a running process; undefined when it is gone. A zombie counts as gone: nothing of it runs. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined || stat.state === 'Z') return undefined;
  return { pid, startTime: stat.startTime, bootId: bootId() };
}

/** True while the very process that was identified, and not a later one with its number, is running. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

/**
 * Processes that carry our mark in their environment. A mark is inherited, so it also finds what a server
 * forked (HAProxy's workers) after the server itself was killed.
 */
export function processesMarked(variable: string, value: string): number[] {
  const mark = `${variable}=${value}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark) && identify(pid) !== undefined);
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // ended meanwhile, or another user's: not ours either way
  }
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The program's name may contain spaces and brackets: count the fields behind the last bracket.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined ? undefined : { state, startTime };
}
