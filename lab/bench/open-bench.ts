import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../engines/cache.ts';
import { closeOnSignals } from '../process/close-on-signals.ts';
import { reservePorts, type PortBlock } from '../process/ports.ts';
import { openSupervisor, type Supervisor } from '../process/supervise.ts';

export interface OpenBench {
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  /** Kills what runs, gives the ports free and removes the folder; Ctrl-C and `kill` do it, too. */
  readonly close: () => Promise<void>;
}

/** A temporary folder, a supervisor and ports for one measurement. */
export async function openBench(say: (line: string) => void): Promise<OpenBench> {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-bench-'));
  const supervisor = await openSupervisor({ stateFolder: folder, say });
  const ports = reservePorts(cacheFolder());
  let ending: Promise<void> | undefined; // a signal ends it, and so does the work that then fails
  const end = async () => {
    await supervisor.close('kill');
    ports.release();
    rmSync(folder, { recursive: true, force: true });
  };
  const close = () => (ending ??= end());
  const takeBack = closeOnSignals(close, say);
  return {
    folder,
    supervisor,
    ports,
    close: async () => {
      takeBack();
      await close();
    },
  };
}
