import { connect } from 'node:net';
import { checkListening } from '../process/check-listening.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import type { Say } from './cache.ts';
import { findOrInstall, type DebianProgram } from './debian.ts';
import { runCommand } from './run-command.ts';

export const haproxyPrograms: DebianProgram = {
  program: ['haproxy'],
  variable: 'SITESHIFT_HAPROXY',
  packages: ['haproxy'],
};

/** SITESHIFT_HAPROXY, the PATH, or the Debian package. */
export const obtainHaproxy = (say: Say): Promise<string> => findOrInstall({ ...haproxyPrograms, say });

/**
 * Starts HAProxy as master and workers, so that it can be reloaded and every worker, old ones included, can be asked
 * through the master's socket. The configuration is checked first: its errors are clearer than a failed start.
 */
export async function startHaproxy(
  supervisor: Supervisor,
  options: {
    readonly program: string;
    readonly name: string;
    readonly configFile: string;
    /** Unix path of the master's command line; keep it under 100 characters. */
    readonly masterSocket: string;
    readonly ports: Readonly<Record<string, number>>;
    readonly cwd?: string;
  },
): Promise<Supervised> {
  const { program, name, configFile, masterSocket, ports } = options;
  const cwd = options.cwd === undefined ? {} : { cwd: options.cwd };
  await runCommand(program, ['-c', '-q', '-f', configFile], cwd).catch((cause: unknown) => {
    throw new Error(`HAProxy does not accept the configuration ${configFile} of ${name}`, { cause });
  });
  return supervisor.start({
    name,
    command: program,
    args: ['-W', '-db', '-S', masterSocket, '-f', configFile],
    ports,
    ...cwd,
    ready: async () => {
      for (const port of Object.values(ports)) await checkListening(port);
      await askHaproxy(masterSocket, 'show proc');
    },
  });
}

/** A reload: the master starts a new worker with the files as they are now, the old one finishes its connections. */
export const reloadHaproxy = (haproxy: Supervised): boolean => process.kill(haproxy.pid, 'SIGUSR2');

/** One command on a unix command socket of HAProxy, a worker's or the master's. */
export function askHaproxy(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(socketPath, () => socket.end(`${command}\n`));
    socket.setTimeout(5_000, () =>
      socket.destroy(new Error(`no answer on ${socketPath} to "${command}" in 5 s`)),
    );
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.once('end', () => resolve(answer.trimEnd()));
    socket.once('error', reject);
  });
}
