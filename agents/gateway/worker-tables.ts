import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerAcknowledgement } from '../../domain/gateway-protocol.ts';
import type { StampedRules } from '../../domain/routing.ts';
import { rulesDigest } from '../../domain/rules-digest.ts';
import { chunksOf, mapEntries, parseEntries } from './map-text.ts';
import { WorkerGone, type MasterCli } from './master-cli.ts';

/** Where the proxy counts the writes in flight, by `unit|epoch` that let them in. */
export const inFlightTable = 'in_flight';

export interface InFlight {
  readonly writes: number;
  /** Those that were let in under other rules than these; undefined where a proxy's configuration does not count them. */
  readonly earlier: number | undefined;
}

/** The tables inside the proxy's worker processes. */
export interface WorkerTables {
  /** What every worker holds now. A table that is not whole, or not the accepted one, has an empty digest. */
  read(accepted: StampedRules): Promise<readonly WorkerAcknowledgement[]>;
  /** Brings every worker to these rules and tells what it read back from each. */
  install(accepted: StampedRules): Promise<readonly WorkerAcknowledgement[]>;
  /** Sets unit -> deadline (ms since 1970) in the workers named; returns what each holds afterwards. */
  setLeases(pids: readonly number[], deadlines: ReadonlyMap<string, number>): Promise<void>;
  readLeases(pid: number): Promise<ReadonlyMap<string, number>>;
  /** Names of the backends, e.g. write_east. */
  backends(): Promise<readonly string[]>;
  /** Writes in flight at a unit with this backend, over all workers. */
  inflight(unit: string, backend: string, epoch: number): Promise<InFlight>;
}

export function workerTables(cli: MasterCli, files: { unitsMap: string; leaseMap: string }): WorkerTables {
  const { unitsMap, leaseMap } = files;

  const readOne = async (pid: number, accepted: StampedRules) =>
    acknowledge(pid, await cli.run(pid, [`show map ${unitsMap}`]), accepted);

  const installOne = async (pid: number, accepted: StampedRules): Promise<WorkerAcknowledgement> => {
    const before = await readOne(pid, accepted);
    if (before.digest === accepted.digest) return before;
    const entries = mapEntries(accepted);
    const prepared = await cli.run(pid, [`prepare map ${unitsMap}`]);
    const version = /New version created: (\d+)/.exec(prepared)?.[1];
    if (version === undefined)
      throw new Error(`proxy: worker ${pid} prepared no version: ${oneLine(prepared)}`);
    const adds = chunksOf(entries).map((chunk) => `add map @${version} ${unitsMap} <<\n${chunk}`);
    const written = await cli.run(pid, [...adds, `show map @${version} ${unitsMap}`]);
    const count = entriesOf(written).length;
    // An oversize payload is dropped in silence, and committing an empty version would wipe the table.
    if (count !== entries.length) {
      throw new Error(`proxy: worker ${pid} took ${count} of ${entries.length} entries; not committed`);
    }
    const answer = await cli.run(pid, [`commit map @${version} ${unitsMap}`, `show map ${unitsMap}`]);
    const complaint = answer.split('\n').find((line) => line !== '' && !line.startsWith('0x'));
    if (complaint !== undefined)
      throw new Error(`proxy: worker ${pid} did not commit: ${oneLine(complaint)}`);
    return acknowledge(pid, answer, accepted);
  };

  return {
    read: async (accepted) => onEveryWorker(cli, (pid) => readOne(pid, accepted)),
    install: async (accepted) => onEveryWorker(cli, (pid) => installOne(pid, accepted)),
    setLeases: async (pids, deadlines) => {
      for (const pid of pids) {
        await ignoreGone(async () => {
          const units = [...deadlines];
          const sets = units.map(([unit, at]) => `set map ${leaseMap} ${unit} ${at}`);
          const held = new Map(entriesOf(await cli.run(pid, [...sets, `show map ${leaseMap}`])));
          const missing = units.filter(([unit]) => !held.has(unit));
          if (missing.length === 0) return;
          await cli.run(
            pid,
            missing.map(([unit, at]) => `add map ${leaseMap} ${unit} ${at}`),
          );
        });
      }
    },
    readLeases: async (pid) =>
      new Map(
        entriesOf(await cli.run(pid, [`show map ${leaseMap}`])).map(([unit, at]) => [unit, Number(at)]),
      ),
    backends: async () => {
      const [pid] = await cli.workers();
      if (pid === undefined) return [];
      const answer = await cli.run(pid, ['show backend']);
      return answer.split('\n').filter((line) => /^[^#\s]/.test(line));
    },
    inflight: async (unit, backend, epoch) => {
      const counts = await onEveryWorker(cli, async (pid): Promise<InFlight> => {
        const answer = await cli.run(pid, [`show stat ${backend} 2 -1`, `show table ${inFlightTable}`]);
        return { writes: sessionsAt(backend, answer), earlier: earlierThan(epoch, unit, answer) };
      });
      return {
        writes: counts.reduce((sum, { writes }) => sum + writes, 0),
        earlier: counts.every(({ earlier }) => earlier !== undefined)
          ? counts.reduce((sum, { earlier = 0 }) => sum + earlier, 0)
          : undefined,
      };
    },
  };
}

/** Of `show stat`: requests that a backend has not answered yet. */
const sessionsAt = (backend: string, answer: string): number =>
  answer
    .split('\n')
    .map((line) => line.split(','))
    .filter((fields) => fields[0] === backend && fields[1] === 'BACKEND')
    .reduce((sum, fields) => sum + Number(fields[4]), 0);

/** Of `show table`: lines "0xADDRESS: key=unit|epoch use=1 exp=… conn_cur=1". */
function earlierThan(epoch: number, unit: string, answer: string): number | undefined {
  if (!answer.includes(`# table: ${inFlightTable},`)) return undefined;
  return [...answer.matchAll(/ key=(\S+)\|(\d+) .*conn_cur=(\d+)/g)]
    .filter(([, ofUnit, admittedUnder]) => ofUnit === unit && Number(admittedUnder) !== epoch)
    .reduce((sum, [, , , count]) => sum + Number(count), 0);
}

/** What a worker's own dump says. The digest covers more than the table, so it is recomputed over what was read. */
function acknowledge(pid: number, dump: string, accepted: StampedRules): WorkerAcknowledgement {
  const held = parseEntries(entriesOf(dump), accepted.table.length);
  if (held === undefined) return { pid, epoch: 0, digest: '' };
  const digest = rulesDigest({ ...accepted, epoch: held.epoch, table: held.table });
  return { pid, epoch: held.epoch, digest: digest === held.digest ? digest : '' };
}

/** A worker that ends while we talk to it is not missing, but one that appears meanwhile is: so look again. */
async function onEveryWorker<Answer>(
  cli: MasterCli,
  act: (pid: number) => Promise<Answer>,
): Promise<readonly Answer[]> {
  for (let attempt = 1; ; attempt += 1) {
    const pids = await cli.workers();
    const answers: Answer[] = [];
    for (const pid of pids) await ignoreGone(async () => void answers.push(await act(pid)));
    const after = await cli.workers();
    const isSettled = after.every((pid) => pids.includes(pid)) && answers.length >= after.length;
    if (isSettled) return answers;
    if (attempt === 5) throw new Error(`proxy: its workers keep changing (now ${after.join(', ')})`);
    await sleep(20);
  }
}

async function ignoreGone(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof WorkerGone)) throw error;
  }
}

/** Lines "0xADDRESS key value". */
function entriesOf(answer: string): readonly (readonly [string, string])[] {
  const entries: [string, string][] = [];
  for (const line of answer.split('\n')) {
    const match = /^0x[0-9a-f]+ (\S+) (.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) entries.push([match[1], match[2]]);
  }
  return entries;
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
