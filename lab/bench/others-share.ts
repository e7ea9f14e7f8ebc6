import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Ticks of processor time, 100 a second on every Linux that this runs on. */
const TICK_MS = 10;

/**
 * Which share of the machine's processors went to processes that have nothing to do with the measurement, while `work`
 * ran: a ratio taken beside much of it says little. Ours are this process, what it started and has ended, and `pids`.
 */
export async function withOthersShare<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly othersShare: number }> {
  const startedAt = performance.now();
  const before = { all: busyMs(), ours: oursMs(pids) };
  const result = await work();
  const others = busyMs() - before.all - (oursMs(pids) - before.ours);
  const available = (performance.now() - startedAt) * cpus().length;
  return { result, othersShare: Math.round(Math.max(0, others / available) * 100) / 100 };
}

/** Everything but idle and waiting for disks. */
function busyMs(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .split('\n', 1)
    .flatMap((line) => line.split(/\s+/).map(Number));
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

const oursMs = (pids: readonly number[]): number =>
  ticksOf('self', 4) * TICK_MS + pids.reduce((sum, pid) => sum + ticksOf(String(pid), 2) * TICK_MS, 0);

/** @param count 2: its own time in user and system mode; 4: also that of its ended children */
function ticksOf(pid: string, count: 2 | 4): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return fields.slice(11, 11 + count).reduce((sum, ticks) => sum + Number(ticks), 0);
}
