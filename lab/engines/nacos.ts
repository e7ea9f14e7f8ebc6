import { join } from 'node:path';
import type { Say } from './cache.ts';
import { findOrInstall, type DebianProgram } from './debian.ts';
import { classArchiveOptions } from './nacos-class-archive.ts';
import { buildNacosJars } from './nacos-jars.ts';
import type { NacosProgram } from './nacos-server.ts';

export { startNacos, type NacosProgram } from './nacos-server.ts';

export const javaPrograms: DebianProgram = {
  program: ['java'],
  variable: 'SITESHIFT_JAVA',
  packages: ['default-jdk-headless'],
};
export const NACOS_FOLDER_VARIABLE = 'SITESHIFT_NACOS_JARS';

/** SITESHIFT_NACOS_JARS (a folder made like ours), the cache, or from Maven artifacts. Needs Java 17 or newer. */
export async function obtainNacos(say: Say): Promise<NacosProgram> {
  const java = await findOrInstall({ ...javaPrograms, say });
  const named = process.env[NACOS_FOLDER_VARIABLE];
  if (named) return { java, jars: named, javaOptions: [] };
  const folder = await buildNacosJars(say);
  return { java, jars: join(folder, 'jars'), javaOptions: await classArchiveOptions(java, folder, say) };
}
