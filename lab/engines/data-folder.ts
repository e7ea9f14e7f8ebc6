import { constants, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a server's data folder from the initialised template, unless it is there. It appears by a rename: a copy that
 * was interrupted must not pass for a server's data. Costs nothing on file systems that share blocks.
 */
export function ensureDataFolder(template: string, dataDir: string): void {
  if (existsSync(dataDir)) return;
  const copy = `${dataDir}.copying`;
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(dirname(dataDir), { recursive: true });
  cpSync(template, copy, { recursive: true, mode: constants.COPYFILE_FICLONE });
  renameSync(copy, dataDir);
}
