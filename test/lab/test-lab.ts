import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../../lab/engines/cache.ts';
import { reservePorts, type PortBlock } from '../../lab/process/ports.ts';
import { openSupervisor, type Supervisor } from '../../lab/process/supervise.ts';

export interface TestLab {
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly said: string[];
  readonly say: (line: string) => void;
  close(): Promise<void>;
}

/** A lab in a temporary folder that leaves nothing behind. */
export async function openTestLab(): Promise<TestLab> {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-test-'));
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const supervisor = await openSupervisor({ stateFolder: folder, say });
  const ports = reservePorts(cacheFolder());
  return {
    folder,
    supervisor,
    ports,
    said,
    say,
    close: async () => {
      await supervisor.close('kill');
      ports.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
