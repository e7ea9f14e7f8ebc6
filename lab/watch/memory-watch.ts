import { readdirSync, readFileSync } from 'node:fs';
import type { Supervised } from '../process/supervise.ts';

const EVERY_MS = 1_000;

/** Adds up, once a second, the resident memory of processes and of everything that they started; keeps the most. */
export class MemoryWatch {
  private most = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(parts: () => readonly Supervised[]) {
    const look = () => {
      this.most = Math.max(this.most, residentBytes(parts().map(({ pid }) => pid)));
    };
    look();
    this.timer = setInterval(look, EVERY_MS);
  }

  /** Ends the watch. @returns the most that was seen at one moment, in MB */
  stop(): number {
    clearInterval(this.timer);
    return Math.round(this.most / 1024 ** 2);
  }
}

/** Each part leads a process group of its own: plugins and workers count, too. */
function residentBytes(leaders: readonly number[]): number {
  const groups = new Set(leaders);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .reduce((sum, entry) => sum + (groups.has(groupOf(entry)) ? residentOf(entry) : 0), 0);
}

/** The program's name may contain spaces and brackets: count the fields behind the last bracket. */
const groupOf = (pid: string): number => {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
};

const residentOf = (pid: string): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}
