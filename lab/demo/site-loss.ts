import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRecord, StepRecord } from '../../domain/run.ts';
import { runCli, type CliResult } from '../cli.ts';
import { loseSite } from '../faults.ts';
import type { DataSite } from '../sites/layout.ts';
import type { TwoSiteLab } from '../two-site-lab.ts';
import { WritableWatch, type WritableSummary } from '../watch/writable-watch.ts';
import { startWriter, type WriterResult } from '../writer/start-writer.ts';
import { readTimeline, type TimelineEntry } from './timeline.ts';

export interface SiteLossOptions {
  readonly lost: DataSite;
  readonly survivor: DataSite;
  /** Acknowledged writes before the loss, and altogether. */
  readonly writesBefore: number;
  readonly writesAltogether: number;
  readonly say: (line: string) => void;
  /** Gets what `siteshift run` prints while it runs. */
  readonly onProgress: (text: string) => void;
}

export interface SiteLossResult {
  readonly exitCode: number | null;
  readonly record: RunRecord;
  readonly writer: WriterResult;
  readonly watch: WritableSummary;
  /** When the command was given, ms since 1970: the decision. */
  readonly decidedAt: number;
  /** First write acknowledged by the survivor for a user whose unit was lost, ms since 1970. */
  readonly firstWriteAt: number;
  readonly reportPath: string;
  /** What the time from the decision on was spent with. */
  readonly timeline: readonly TimelineEntry[];
}

/** Writers run, a site dies, a person gives one command, the writers go on: then everything is counted. */
export async function loseSiteAndFailOver(
  lab: TwoSiteLab,
  options: SiteLossOptions,
): Promise<SiteLossResult> {
  const { lost, survivor, say } = options;
  // What a team does on a quiet day: look whether the runbook would work. It changes nothing.
  say(`$ siteshift plan site-failover --from ${lost} --to ${survivor}`);
  const planned = await runCli(
    lab.environment,
    ['plan', 'site-failover', '--from', lost, '--to', survivor],
    options.onProgress,
  );
  if (planned.code !== 0) throw new Error(`siteshift plan: expected exit code 0, saw ${planned.code}`);

  const watch = new WritableWatch(lab.clusters);
  watch.start();
  const writer = startWriter(lab);
  say(`users write through ${lab.gateways.length} gateways…`);
  await writer.reach(options.writesBefore, 120_000);
  say(
    `${writer.counters().acknowledged} writes acknowledged. Now ${lost} is lost: kill -9 of everything in it`,
  );
  say(`gone: ${(await loseSite(lab, lost)).join(', ')}`);

  const decidedAt = Date.now();
  const run = [
    'run',
    'site-failover',
    '--from',
    lost,
    '--to',
    survivor,
    '--forced',
    '--reason',
    `site ${lost} does not answer`,
  ];
  say(`$ siteshift ${run.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')}`);
  const finished = await runCli(lab.environment, run, options.onProgress);
  const [, workflowId = ''] = /^run (\S+)$/m.exec(finished.stderr) ?? [];
  await writer.reach(options.writesAltogether, 180_000);
  say('stopping the writers, reading the databases of the survivor…');
  const result = await writer.finish();
  const reportPath = join(lab.folder, 'report');
  const record = await writeReport(lab, workflowId, finished, reportPath);
  return {
    exitCode: finished.code,
    record,
    writer: result,
    watch: await watch.stop(),
    decidedAt,
    firstWriteAt: firstWriteAt(result, lost, survivor, decidedAt),
    reportPath: `${reportPath}.html`,
    timeline: await readTimeline(lab.environment['SITESHIFT_TEMPORAL_ADDRESS'] ?? '', workflowId, decidedAt),
  };
}

/** `siteshift report`: Markdown, HTML and JSON beside each other. @returns the record, as the report has it */
async function writeReport(
  lab: TwoSiteLab,
  workflowId: string,
  finished: CliResult,
  path: string,
): Promise<RunRecord> {
  const report = await runCli(lab.environment, ['report', workflowId, '--format', 'all', '--output', path]);
  if (report.code === 0)
    return (JSON.parse(readFileSync(`${path}.json`, 'utf8')) as { record: RunRecord }).record;
  throw new Error(
    `siteshift report ${workflowId}: expected exit code 0, saw ${report.code}: ${report.stderr}; the run had printed: ${finished.stdout}${finished.stderr}`,
  );
}

/** A user of the lost unit, served by the survivor. */
function firstWriteAt({ writes }: WriterResult, lost: DataSite, survivor: DataSite, after: number): number {
  const homes = new Set(writes.filter(({ unit }) => unit === lost).map(({ user }) => user));
  const times = writes
    .filter(({ user, unit, ackedAt }) => unit === survivor && ackedAt >= after && homes.has(user))
    .map(({ ackedAt }) => ackedAt);
  return Math.min(...times);
}

export const stepsOfKind = (record: RunRecord, kind: string): readonly StepRecord[] =>
  record.steps.filter((step) => step.kind === kind);
