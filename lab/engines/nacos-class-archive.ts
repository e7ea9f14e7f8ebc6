import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reservePorts } from '../process/ports.ts';
import { openSupervisor } from '../process/supervise.ts';
import { cached, cacheFolder, type Say } from './cache.ts';
import { startNacos } from './nacos-server.ts';
import { runCommand } from './run-command.ts';

/**
 * Java options that start Nacos in about two thirds of the time: its classes come from an archive, which Java writes
 * when a server that was told so ends in order. So one server is started and stopped here, once per Java and build.
 */
export async function classArchiveOptions(java: string, folder: string, say: Say): Promise<string[]> {
  const version = await runCommand(java, ['--version']);
  const digest = createHash('sha256').update(version).update(folder).digest('hex').slice(0, 8);
  try {
    const archive = await cached({
      name: `nacos-classes-${digest}`,
      doing: 'archiving the classes of Nacos, so that it starts faster',
      typically: 'about 20 seconds',
      say,
      build: (work) => writeArchive(java, join(folder, 'jars'), work),
    });
    return [`-XX:SharedArchiveFile=${join(archive, 'classes.jsa')}`];
  } catch (error) {
    say(`Nacos will start without the archive of its classes: ${String(error)}`);
    return [];
  }
}

async function writeArchive(java: string, jars: string, folder: string): Promise<void> {
  // Not in the folder of the build, which goes with a build that is killed, and with it the record of the server.
  const lab = join(cacheFolder(), 'nacos-training');
  rmSync(join(lab, 'home'), { recursive: true, force: true });
  const supervisor = await openSupervisor({ stateFolder: lab, say: () => undefined });
  const ports = reservePorts(cacheFolder());
  try {
    const nacos = await startNacos(
      supervisor,
      { java, jars, javaOptions: [`-XX:ArchiveClassesAtExit=${join(folder, 'classes.jsa')}`] },
      { name: 'nacos', home: join(lab, 'home'), port: await ports.nextForNacos(), stopWithinMs: 120_000 },
    );
    await nacos.stop();
  } finally {
    await supervisor.close();
    ports.release();
    rmSync(lab, { recursive: true, force: true });
  }
  if (!existsSync(join(folder, 'classes.jsa'))) throw new Error('Java wrote no archive');
}
