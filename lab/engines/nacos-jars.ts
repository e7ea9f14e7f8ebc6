import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, type Say } from './cache.ts';
import { findOrInstall, type DebianProgram } from './debian.ts';
import { runCommand } from './run-command.ts';

const VERSION = '3.1.0';
const SOURCES = join(import.meta.dirname, 'nacos');
const LAUNCHER = 'src/main/java/siteshift/lab/NacosLauncher.java';

/** The cache's folder with the server's `jars`, built from Maven artifacts when it is missing. */
export const buildNacosJars = (say: Say): Promise<string> =>
  cached({
    name: nacosFolderName(),
    doing: `building Nacos ${VERSION} from Maven artifacts`,
    typically: 'about a minute',
    say,
    build: (work) => build(work, say),
  });

export const nacosFolderName = (): string => `nacos-${VERSION}-${sourcesDigest()}`;

/** Changed sources must not find the jars of the old ones. */
const sourcesDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(SOURCES, 'pom.xml')))
    .update(readFileSync(join(SOURCES, LAUNCHER)))
    .digest('hex')
    .slice(0, 8);

export const mavenPrograms: DebianProgram = {
  program: ['mvn'],
  variable: 'SITESHIFT_MAVEN',
  packages: ['maven', 'default-jdk-headless'],
};

async function build(folder: string, say: Say): Promise<void> {
  const maven = await findOrInstall({ ...mavenPrograms, say });
  const project = join(folder, 'project');
  cpSync(SOURCES, project, { recursive: true });
  const goals = [
    'package',
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    '-DoutputDirectory=target/jars',
  ];
  await runCommand(maven, ['-q', '-B', '-ntp', ...goals], { cwd: project });
  cpSync(join(project, 'target/jars'), join(folder, 'jars'), { recursive: true });
  cpSync(join(project, 'target/nacos-launcher-1.jar'), join(folder, 'jars/nacos-launcher-1.jar'));
  rmSync(project, { recursive: true });
}
