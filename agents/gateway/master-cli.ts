import { connect } from 'node:net';

/**
 * HAProxy's master socket. It is the only way to every worker: a reload takes the workers' own socket over to the new
 * one, while the old worker still serves.
 */
export interface MasterCli {
  /** Worker processes that still serve, those of earlier configurations included. */
  workers(): Promise<readonly number[]>;
  /** Commands for one worker over one connection, answered together. */
  run(pid: number, commands: readonly string[]): Promise<string>;
}

/** A worker that has ended meanwhile; look again at who is there. */
export class WorkerGone extends Error {
  override readonly name = 'WorkerGone';
}

export function masterCli(socketPath: string, timeoutMs: number): MasterCli {
  const ask = (text: string) => exchange(socketPath, text, timeoutMs);
  return {
    workers: async () => parseWorkers(await ask('show proc\n'), socketPath),
    run: async (pid, commands) => {
      const answer = await ask(commands.map((command) => `@!${pid} ${command}\n`).join(''));
      if (answer.includes(`Can't find the target PID`) || answer.includes(`Can't connect to the target`)) {
        throw new WorkerGone(`worker ${pid} is gone`);
      }
      return answer;
    },
  };
}

function exchange(socketPath: string, text: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: string[] = [];
    const socket = connect({ path: socketPath });
    const timer = setTimeout(
      () => socket.destroy(new Error(`proxy: no answer on ${socketPath} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => parts.push(part));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === undefined ? error : new Error(`proxy: cannot reach ${socketPath}: ${error.code}`),
      ),
    );
    socket.once('end', () => resolve(parts.join('')));
    socket.once('close', () => {
      clearTimeout(timer);
      reject(new Error(`proxy: ${socketPath} closed the connection`));
    });
    // The half-close is what tells the master that no more commands follow; it answers and closes.
    socket.end(text);
  });
}

function parseWorkers(answer: string, socketPath: string): readonly number[] {
  if (!answer.includes('# workers')) {
    throw new Error(
      `proxy: ${socketPath} is not a master socket (haproxy -W -S): "show proc" gave no workers`,
    );
  }
  return answer
    .split('\n')
    .map((line) => /^(\d+)\s+worker\s/.exec(line)?.[1])
    .filter((pid) => pid !== undefined)
    .map(Number);
}
