import { readFile, writeFile } from 'node:fs/promises';
import type { History } from '../../domain/report/history-events.ts';
import { renderHistoryMarkdown } from '../../domain/report/history-markdown.ts';
import { fromHistory } from '../../domain/report/from-history.ts';
import type { HistoryReport } from '../../domain/report/from-history.ts';
import { renderHtml } from '../../domain/report/html.ts';
import { renderJson } from '../../domain/report/json.ts';
import type { ClientConfig } from '../config.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import type { Output } from '../output.ts';
import { reportFormats } from '../report-formats.ts';
import type { ReportFormat } from '../report-formats.ts';

const extensions: { readonly [Format in ReportFormat]: string } = {
  markdown: 'md',
  html: 'html',
  json: 'json',
};
const renderers: { readonly [Format in ReportFormat]: (report: HistoryReport) => string } = {
  markdown: renderHistoryMarkdown,
  html: renderHtml,
  json: renderJson,
};

export interface ReportOptions {
  readonly format: ReportFormat | 'all';
  /** Path without extension; absent = standard output, one format only. */
  readonly output?: string;
  /** Exported histories instead of Temporal: the run's, and that of the workflow that executed its plan. */
  readonly history?: readonly string[];
}

/** Builds the report of a run from its history alone; no worker and no target is needed. */
export async function report(
  config: ClientConfig,
  id: string | undefined,
  options: ReportOptions,
  output: Output,
): Promise<Ending> {
  const built = fromHistory(await histories(config, id, options));
  const format = output.isJson && options.output === undefined ? 'json' : options.format;
  if (options.output === undefined) {
    if (format === 'all') throw new CommandFailure('usage', '--format all needs --output PATH');
    if (output.isJson) output.json({ ok: true, ...(JSON.parse(renderJson(built)) as object) });
    else process.stdout.write(renderers[format](built));
    return 'ok';
  }
  const wanted = format === 'all' ? reportFormats : [format];
  const files = wanted.map((one) => ({
    path: `${options.output}.${extensions[one]}`,
    text: renderers[one](built),
  }));
  for (const { path, text } of files) await writeReport(path, text);
  output.json({ ok: true, files: files.map(({ path }) => path) });
  for (const { path } of files) output.line(path);
  return 'ok';
}

async function writeReport(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) => {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw new CommandFailure('usage', `write the report: expected to write ${path}, saw ${String(code)}`, {
      cause: error,
    });
  });
}

async function histories(
  config: ClientConfig,
  id: string | undefined,
  { history }: ReportOptions,
): Promise<{ parent: History; child?: History }> {
  if (history !== undefined) {
    const [parent, child] = await Promise.all(history.map(readHistory));
    if (parent === undefined) throw new CommandFailure('usage', '--history needs a file');
    return child === undefined ? { parent } : { parent, child };
  }
  if (id === undefined) throw new CommandFailure('usage', 'name a run, or give its exported --history');
  return withClient(config, (client) => client.history(id));
}

async function readHistory(path: string): Promise<History> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new CommandFailure('usage', `read history: expected a file at ${path}, seen none`);
  });
  const data: unknown = parseOrNothing(text);
  const events: unknown = data !== null && typeof data === 'object' ? Reflect.get(data, 'events') : undefined;
  if (!Array.isArray(events))
    throw new CommandFailure(
      'usage',
      `read history ${path}: expected JSON with "events", as Temporal exports it`,
    );
  return { events };
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
