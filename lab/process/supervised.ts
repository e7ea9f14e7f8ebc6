import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning } from './identity.ts';
import {
  MARK_VARIABLE,
  membersOf,
  removeRecord,
  signalMembers,
  writeRecord,
  type ProcessRecord,
} from './leftovers.ts';
import { logTail } from './log-tail.ts';

export interface ProcessSpec {
  /** Unique in the lab; also the name of its log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly ports: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Checks once; throws, saying what was seen, while the process is not ready. */
  readonly ready: () => Promise<void>;
  readonly readyWithinMs?: number;
  /** Runs before each start, a restart included. */
  readonly prepare?: () => void;
  readonly stopWithinMs?: number;
}

/** One supervised process. It keeps its name, log and arguments over restarts; the pid changes. */
export interface Supervised {
  readonly name: string;
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly logFile: string;
  /** SIGTERM, then SIGKILL, to the process and everything it started. Does nothing when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL at once, to the whole group; `gone` tells when nothing of it is left. */
  kill(): void;
  gone(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Stops it where it runs and starts it again with the same arguments. */
  restart(): Promise<void>;
  alive(): boolean;
}

interface Run {
  readonly child: ChildProcess;
  readonly record: ProcessRecord;
}

export async function startProcess(options: {
  readonly spec: ProcessSpec;
  readonly stateFolder: string;
  /** Throws once nothing may be started any more; asked before each start. */
  readonly mayStart: (name: string) => void;
  /** Called as soon as there is something to kill, before it is ready. */
  readonly started: (supervised: Supervised) => void;
}): Promise<Supervised> {
  const { spec, stateFolder } = options;
  const logFile = join(stateFolder, 'logs', `${spec.name}.log`);
  const launch = () => {
    options.mayStart(spec.name);
    return spawnRecorded(spec, stateFolder, logFile);
  };
  let run = launch();

  const supervised: Supervised = {
    name: spec.name,
    get pid() {
      return run.record.pid;
    },
    ports: spec.ports,
    logFile,
    stop: () => stopRun(run, spec, stateFolder),
    kill: () => signalMembers(run.record, 'SIGKILL'),
    gone: () => waitUntilGone(run.record),
    pause: () => signalMembers(run.record, 'SIGSTOP'),
    resume: () => signalMembers(run.record, 'SIGCONT'),
    restart: async () => {
      await stopRun(run, spec, stateFolder);
      run = launch();
      await becomeReady(run, spec, stateFolder, logFile);
    },
    alive: () => isRunning(run.record),
  };
  options.started(supervised);
  await becomeReady(run, spec, stateFolder, logFile);
  return supervised;
}

function spawnRecorded(spec: ProcessSpec, stateFolder: string, logFile: string): Run {
  spec.prepare?.();
  const mark = randomUUID();
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(spec.command, [...spec.args], {
      cwd: spec.cwd ?? stateFolder,
      env: { ...process.env, ...spec.env, [MARK_VARIABLE]: mark },
      stdio: ['ignore', log, log],
      detached: true, // its own process group: Ctrl-C in the terminal reaches the lab only, which stops in order
    });
    child.on('error', () => undefined); // reported below: no pid
    const pid = child.pid;
    const identity = pid === undefined ? undefined : identify(pid);
    if (pid === undefined)
      throw new Error(`cannot start ${spec.name}: ${spec.command} could not be executed`);
    // A program that ended at once is reported by the readiness wait, with its log.
    const record = { pid, startTime: identity?.startTime ?? '', bootId: identity?.bootId ?? '' };
    const full = { ...record, name: spec.name, mark, command: spec.command };
    writeRecord(stateFolder, full);
    return { child, record: full };
  } finally {
    closeSync(log);
  }
}

async function becomeReady(run: Run, spec: ProcessSpec, stateFolder: string, logFile: string): Promise<void> {
  const withinMs = spec.readyWithinMs ?? 30_000;
  const deadline = Date.now() + withinMs;
  let seen = 'nothing yet';
  while (Date.now() < deadline && hasNotEnded(run.child)) {
    try {
      await spec.ready();
      if (hasNotEnded(run.child)) return; // else somebody else answered on its port
    } catch (error) {
      seen = error instanceof Error ? error.message : String(error);
    }
    await sleep(25);
  }
  const what = hasNotEnded(run.child)
    ? `was not ready within ${withinMs / 1000} s; last check: ${seen}`
    : `ended with ${run.child.signalCode ?? `code ${run.child.exitCode}`} before it was ready`;
  signalMembers(run.record, 'SIGKILL');
  await waitUntilGone(run.record);
  removeRecord(stateFolder, spec.name);
  throw new Error(
    `${spec.name} ${what}\n  command: ${spec.command}\n  log ${logFile}, its end:\n${logTail(logFile)}`,
  );
}

async function stopRun(run: Run, spec: ProcessSpec, stateFolder: string): Promise<void> {
  signalMembers(run.record, 'SIGCONT'); // a paused process would not see the SIGTERM
  if (hasNotEnded(run.child)) run.child.kill('SIGTERM');
  const deadline = Date.now() + (spec.stopWithinMs ?? 10_000);
  while (hasNotEnded(run.child) && Date.now() < deadline) await sleep(10);
  signalMembers(run.record, 'SIGKILL');
  await waitUntilGone(run.record);
  removeRecord(stateFolder, spec.name);
}

async function waitUntilGone(record: ProcessRecord): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (membersOf(record).length > 0) {
    if (Date.now() > deadline)
      throw new Error(`${record.name} (pid ${record.pid}) is still there 10 s after SIGKILL`);
    await sleep(5);
  }
}

/** As far as Node has heard: it hears of an end a little late, but then knows the exit code. */
const hasNotEnded = (child: ChildProcess) => child.exitCode === null && child.signalCode === null;
