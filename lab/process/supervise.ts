import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tryLock, lockHolder } from './file-lock.ts';
import { endLeftovers } from './leftovers.ts';
import { startProcess, type ProcessSpec, type Supervised } from './supervised.ts';

export type { ProcessSpec, Supervised } from './supervised.ts';

/** Everything that one lab runs. One supervisor owns one state folder. */
export interface Supervisor {
  readonly stateFolder: string;
  /** Starts a process and returns once it is ready; a failed start leaves nothing running. */
  start(spec: ProcessSpec): Promise<Supervised>;
  /** What was started here and not given up, running or not. */
  list(): readonly Supervised[];
  /**
   * Stops everything at once, or kills it where its data is not needed any more, and gives the folder free. May be
   * called again, by a signal or by what fails because of it.
   * Stop first what needs the rest for its own ending.
   */
  close(how?: 'stop' | 'kill'): Promise<void>;
}

/** Takes a state folder, ends what a crashed lab left in it, and supervises what is started from now on. */
export async function openSupervisor(options: {
  readonly stateFolder: string;
  readonly say: (line: string) => void;
}): Promise<Supervisor> {
  const stateFolder = resolve(options.stateFolder);
  mkdirSync(join(stateFolder, 'logs'), { recursive: true });
  const lockFile = join(stateFolder, 'lab.lock');
  const held = tryLock(lockFile);
  if (held === undefined) {
    throw new Error(
      `another lab (${lockHolder(lockFile)}) is running in ${stateFolder}: stop it or use another folder`,
    );
  }
  const ended = await endLeftovers(stateFolder);
  if (ended.length > 0) options.say(`ended what an earlier run left: ${ended.join(', ')}`);

  const processes = new Map<string, Supervised>();
  let isClosing = false;
  let closing: Promise<void> | undefined;
  const mayStart = (name: string) => {
    if (isClosing) throw new Error(`${name} is not started: the lab is closing`);
  };
  // The last resort when this process ends by an uncaught error: synchronous, so kill is all that fits.
  const killAll = () => processes.forEach((one) => one.kill());
  process.on('exit', killAll);

  return {
    stateFolder,
    start: async (spec) => {
      const before = processes.get(spec.name);
      if (before?.alive() === true) throw new Error(`${spec.name} is running already (pid ${before.pid})`);
      return startProcess({ spec, stateFolder, mayStart, started: (one) => processes.set(spec.name, one) });
    },
    list: () => [...processes.values()],
    close: async (how = 'stop') => {
      isClosing = true; // a start or restart under way must not start anew what was just stopped
      if (how === 'kill') killAll();
      closing ??= stopAll([...processes.values()]).then(() => {
        process.off('exit', killAll);
        held.release();
      });
      await closing;
    },
  };
}

async function stopAll(processes: Supervised[]): Promise<void> {
  const results = await Promise.allSettled(processes.map((one) => one.stop()));
  const failed = results
    .filter((result) => result.status === 'rejected')
    .map((result) => String(result.reason));
  if (failed.length > 0) throw new Error(`not everything stopped: ${failed.join('; ')}`);
}
