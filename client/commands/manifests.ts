import { stringify } from 'yaml';
import {
  versionText,
  type ManifestAnswer,
  type ManifestQuery,
} from '../../domain/kubernetes/manifest-query.ts';
import type { VersionDifference } from '../../domain/kubernetes/version-differences.ts';
import type { ClientConfig } from '../config.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import type { Output } from '../output.ts';
import { run } from './run.ts';

export interface ManifestOptions {
  readonly store?: string;
  readonly limit?: number;
  readonly version?: string;
  readonly before?: string;
  readonly after?: string;
}

/** A run like any other: with a record, a report, and answers where it waits for a person. */
export function capture(
  config: ClientConfig,
  options: { readonly at: string; readonly reason: string; readonly by?: string },
  output: Output,
): Promise<Ending> {
  const { at, ...rest } = options;
  return run(config, 'capture-manifests', { ...rest, param: { at }, onPark: 'exit' }, output);
}

export function history(
  config: ClientConfig,
  service: string | undefined,
  options: ManifestOptions,
  output: Output,
): Promise<Ending> {
  const query: ManifestQuery =
    service === undefined
      ? { ask: 'head' }
      : { ask: 'history', service, ...(options.limit === undefined ? {} : { limit: options.limit }) };
  return answer(config, query, options, output);
}

export const show = (config: ClientConfig, service: string, options: ManifestOptions, output: Output) =>
  answer(config, { ask: 'show', service, ...pick(options, ['version']) }, options, output);

export const diff = (config: ClientConfig, service: string, options: ManifestOptions, output: Output) =>
  answer(config, { ask: 'diff', service, ...pick(options, ['before', 'after']) }, options, output);

const pick = <Name extends keyof ManifestOptions>(options: ManifestOptions, names: readonly Name[]) =>
  Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as Partial<Pick<ManifestOptions, Name>>;

function answer(
  config: ClientConfig,
  query: ManifestQuery,
  { store }: ManifestOptions,
  output: Output,
): Promise<Ending> {
  return withClient<Ending>(config, async (client) => {
    const found = await client.readManifests({ ...query, ...(store === undefined ? {} : { store }) });
    output.json({ ok: true, ...found });
    for (const line of lines(found)) output.line(line);
    return 'ok';
  });
}

const time = (ms: number): string => new Date(ms).toISOString();

function lines(found: ManifestAnswer): readonly string[] {
  switch (found.ask) {
    case 'head': {
      const { sequence, cluster, capturedAt, services } = found.head;
      if (sequence === 0)
        return [`${found.store}: nothing was recorded yet: siteshift manifests capture --at <site>`];
      const names = Object.entries(services).toSorted(([a], [b]) => (a < b ? -1 : 1));
      return [
        `${found.store}: version ${versionText(found.head)} of ${cluster}, recorded ${time(capturedAt)}, ${names.length} services`,
        ...names.map(([service, entry]) => `  ${service}  ${versionText(entry)}  ${entry.objects} objects`),
      ];
    }
    case 'history':
      return [
        ...(found.isRemoved
          ? ['removed: the newest capture did not find it, and nothing of it is applied']
          : []),
        ...found.versions.map(
          (version) =>
            `${versionText(version)}  ${time(version.capturedAt)}  ${version.cluster}  ${version.objects} objects  ${version.bundle.slice(0, 12)}`,
        ),
      ];
    case 'show':
      return [found.objects.map((object) => stringify(object).trimEnd()).join('\n---\n')];
    case 'diff':
      break;
  }
  return [`${found.before} → ${found.after}`, ...differenceLines(found.difference)];
}

function differenceLines({ added, removed, changed }: VersionDifference): readonly string[] {
  const value = (what: unknown): string => JSON.stringify(what);
  const all = [
    ...added.map((object) => `+ ${object}`),
    ...removed.map((object) => `- ${object}`),
    ...changed.flatMap(({ object, fields }) => [
      `~ ${object}`,
      ...fields.map(({ path, before, after }) => `    ${path}: ${value(before)} → ${value(after)}`),
    ]),
  ];
  return all.length === 0 ? ['no difference'] : all;
}
