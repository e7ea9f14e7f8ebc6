import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { WorkerAcknowledgement } from '../../domain/gateway-protocol.ts';
import { noUnit, type StampedRules } from '../../domain/routing.ts';
import { durableWrite } from './durable-write.ts';
import { mapText } from './map-text.ts';
import { serial } from './serial.ts';
import type { InFlight, WorkerTables } from './worker-tables.ts';

/** Until when writes may pass, in both clocks of this host. */
export interface Grant {
  /** ms since 1970: what the proxy compares with. */
  readonly wallMs: number;
  /** The same moment on the monotonic clock. */
  readonly monotonicMs: number;
}

export interface Installed {
  readonly workers: readonly WorkerAcknowledgement[];
  readonly fileDigest: string;
}

export interface Seen {
  readonly workers: readonly WorkerAcknowledgement[];
  readonly leases: { readonly [unit: string]: number };
  readonly units: readonly string[];
  readonly proxyError?: string;
}

/** Keeps the proxy at the accepted rules: its files, the table of every worker process, and their leases. */
export interface ProxyKeeper {
  /** File first, then every worker; returns what was read back. */
  install(accepted: () => StampedRules): Promise<Installed>;
  /** Repairs what is not as it should be, then passes the grant on to the workers that hold the accepted table. */
  renew(accepted: () => StampedRules, grant: Grant | undefined): Promise<void>;
  /** Like renew, with the last grant, when worker processes have come or gone. */
  noticeWorkers(accepted: () => StampedRules): Promise<void>;
  look(accepted: () => StampedRules): Promise<Seen>;
  /** Writes in flight at a unit, and how many of them other rules than these have let in. */
  inflight(unit: string, accepted: StampedRules): Promise<InFlight>;
  /** Units that the proxy has backends for; undefined when it has never been reached. */
  units(): readonly string[] | undefined;
}

/** Backends of the generated configuration: writes apart from reads, so that writes in flight can be counted. */
export const writeBackend = (unit: string): string => `write_${unit}`;
const backendPrefix = writeBackend('');

export function proxyKeeper(
  tables: WorkerTables,
  pids: () => Promise<readonly number[]>,
  files: { readonly unitsMap: string; readonly leaseMap: string },
): ProxyKeeper {
  const inOrder = serial();
  let grant: Grant | undefined;
  let known: readonly string[] | undefined;
  let lastPids = '';

  const bringUp = async (accepted: StampedRules): Promise<Installed> => {
    const fileDigest = await keepFile(files.unitsMap, mapText(accepted));
    await keepLeaseFile(files.leaseMap, unitsOf(accepted));
    const workers = await tables.install(accepted);
    lastPids = workers.map((worker) => worker.pid).join();
    await passOn(accepted, workers);
    return { workers, fileDigest };
  };

  /** Only workers whose own table is the accepted one may go on serving writes. */
  const passOn = async (accepted: StampedRules, workers: readonly WorkerAcknowledgement[]) => {
    const deadline = expressed(grant);
    if (deadline === undefined) return;
    const current = workers.filter((worker) => worker.digest === accepted.digest).map((worker) => worker.pid);
    await tables.setLeases(current, new Map(unitsOf(accepted).map((unit) => [unit, deadline])));
  };

  const renew = async (accepted: StampedRules) => {
    known ??= unitsIn(await tables.backends());
    await bringUp(accepted);
  };

  return {
    install: (accepted) => inOrder(() => bringUp(accepted())),
    renew: (accepted, next) =>
      inOrder(() => {
        if (next !== undefined) grant = next;
        return renew(accepted());
      }),
    noticeWorkers: async (accepted) => {
      if ((await pids()).join() !== lastPids) await inOrder(() => renew(accepted()));
    },
    look: (accepted) =>
      inOrder(async () => {
        try {
          const workers = await tables.read(accepted());
          const newest = workers[0];
          const leases =
            newest === undefined ? new Map<string, number>() : await tables.readLeases(newest.pid);
          known = unitsIn(await tables.backends());
          return { workers, leases: Object.fromEntries(leases), units: known };
        } catch (error) {
          const proxyError = error instanceof Error ? error.message : String(error);
          return { workers: [], leases: {}, units: known ?? [], proxyError };
        }
      }),
    inflight: (unit, { epoch }) => tables.inflight(unit, writeBackend(unit), epoch),
    units: () => known,
  };
}

/**
 * The deadline for the proxy, which compares with the host's wall clock. Never later than either clock allows: when
 * the wall clock was set back the monotonic one shortens it, when the machine slept the wall clock does.
 */
function expressed(grant: Grant | undefined): number | undefined {
  if (grant === undefined) return undefined;
  const byMonotonic = Date.now() + (grant.monotonicMs - performance.now());
  return Math.max(0, Math.floor(Math.min(grant.wallMs, byMonotonic)));
}

const unitsIn = (backends: readonly string[]): readonly string[] =>
  backends
    .filter((backend) => backend.startsWith(backendPrefix))
    .map((backend) => backend.slice(backendPrefix.length));

const unitsOf = ({ table }: StampedRules): readonly string[] => [
  ...new Set(table.map((rule) => rule.unit).filter((unit) => unit !== noUnit)),
];

/** A new worker (reload, restart) starts with this file: it must never be older than what was acknowledged. */
async function keepFile(file: string, text: string): Promise<string> {
  if ((await readIfThere(file)) !== text) await durableWrite(file, text);
  return createHash('sha256').update(text).digest('hex');
}

/** Every unit at 0: a new worker serves no write until this agent has looked at its table. */
async function keepLeaseFile(file: string, units: readonly string[]): Promise<void> {
  const held = (await readIfThere(file)) ?? '';
  const listed = new Set(held.split('\n').map((line) => line.split(' ')[0] ?? ''));
  const isClean = held.split('\n').every((line) => line === '' || line.endsWith(' 0'));
  if (isClean && held !== '' && units.every((unit) => listed.has(unit))) return;
  const all = new Set([noUnit, ...[...listed].filter((unit) => unit !== ''), ...units]);
  await durableWrite(file, [...all].map((unit) => `${unit} 0\n`).join(''));
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
