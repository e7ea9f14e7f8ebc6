import { cachedVersions } from './cache.ts';
import { canInstallPackages } from './debian.ts';
import { findProgram } from './find-program.ts';
import { canUnpackMysql } from './mysql-packages.ts';

/** What is asked of this machine. Tests give their own answers. */
export interface Machine {
  /** The program by one of its names or its variable. */
  readonly has: (names: readonly string[], variable?: string) => boolean;
  readonly isSet: (variable: string) => boolean;
  readonly isCached: (prefix: string) => boolean;
  /** Root on a Debian-like system: everything that is a package is then installed. */
  readonly canInstall: boolean;
  readonly canUnpackMysql: boolean;
}

export const thisMachine = (): Machine => ({
  has: (names, variable) => findProgram(names, variable) !== undefined,
  isSet: (variable) => Boolean(process.env[variable]),
  isCached: (prefix) => cachedVersions(prefix).length > 0,
  canInstall: canInstallPackages(),
  canUnpackMysql: canUnpackMysql(),
});

/** One thing that only Go brings: a program that is built, or files that are fetched. */
export type GoWork =
  | { readonly builds: string; /** Each names such a program. */ readonly variables: readonly string[] }
  | { readonly fetches: string };
