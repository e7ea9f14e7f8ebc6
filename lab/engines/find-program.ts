import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** The program named by the environment variable or found on the PATH. A variable that names nothing is an error. */
export function findProgram(names: readonly string[], variable?: string): string | undefined {
  return (variable === undefined ? undefined : namedProgram(variable)) ?? names.map(onPath).find(Boolean);
}

export function namedProgram(variable: string): string | undefined {
  const named = process.env[variable];
  if (!named) return undefined;
  if (!isProgram(resolve(named)))
    throw new Error(`${variable} names ${named}, which is not an executable file`);
  return resolve(named);
}

/** Servers live in sbin folders, which an ordinary user's PATH often lacks. */
function onPath(name: string): string | undefined {
  if (isAbsolute(name)) return isProgram(name) ? name : undefined;
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
