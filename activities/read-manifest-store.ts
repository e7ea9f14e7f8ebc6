import { Context } from '@temporalio/activity';
import {
  isServiceName,
  NAMED,
  versionNamed,
  versionOfText,
  versionText,
  type ManifestAnswer,
  type ManifestQuery,
} from '../domain/kubernetes/manifest-query.ts';
import type { VersionRecord } from '../domain/kubernetes/store-records.ts';
import { differences } from '../domain/kubernetes/version-differences.ts';
import type { ManifestStoreSettings } from '../domain/schema/kubernetes.ts';
import { openStore, type ManifestStore } from './kubernetes/manifest-store.ts';
import { namedFailure } from './named-failure.ts';
import { readInventory, type SourceFiles } from './read-sources.ts';
import { contextTools, heartbeating, type StepSurroundings } from './step-activity.ts';

export type ReadManifestStore = (query: ManifestQuery) => Promise<ManifestAnswer>;

/** A workflow's result may have two megabytes; what is larger is read in the store itself. */
const LONGEST_ANSWER = 1_500_000;

/** Answers a person's question about stored manifests. Only workers reach the store and know its keys. */
export const readManifestStoreWith =
  (files: SourceFiles, surroundings: StepSurroundings): ReadManifestStore =>
  async (query) => {
    const { value: inventory } = await readInventory(files);
    const [name, settings] = storeNamed(inventory.kubernetes?.manifestStores ?? {}, query.store);
    const context = Context.current();
    const answer = await heartbeating(context, async (heartbeat) =>
      ask(await openStore(settings, contextTools(context, {}, surroundings, heartbeat)), name, query),
    );
    const { length } = JSON.stringify(answer);
    if (length <= LONGEST_ANSWER) return answer;
    throw namedFailure(
      'InvalidRequest',
      `the answer has ${length} characters, more than the ${LONGEST_ANSWER} that a workflow may return: read it in store ${name} itself`,
    );
  };

function storeNamed(
  stores: Readonly<Record<string, ManifestStoreSettings>>,
  wanted: string | undefined,
): readonly [string, ManifestStoreSettings] {
  const known = Object.entries(stores);
  const found =
    wanted === undefined && known.length === 1 ? known[0] : known.find(([name]) => name === wanted);
  if (found !== undefined) return found;
  const names = known.map(([name]) => name).join(', ') || 'there is none in the inventory';
  throw namedFailure('InvalidRequest', `manifest store: expected one of ${names}, seen ${wanted ?? 'none'}`);
}

async function ask(store: ManifestStore, name: string, query: ManifestQuery): Promise<ManifestAnswer> {
  switch (query.ask) {
    case 'head':
      return { ask: 'head', store: name, head: await store.head() };
    case 'history': {
      const versions = await store.history(query.service, query.limit);
      found(versionNamed(versions, query.service, undefined));
      const { services } = await store.head();
      return { ask: 'history', store: name, versions, isRemoved: !(query.service in services) };
    }
    case 'show': {
      const version = await findVersion(store, query.service, query.version);
      return {
        ask: 'show',
        store: name,
        version: versionText(version),
        objects: await objects(store, version),
      };
    }
    case 'diff':
      break;
  }
  const after = await findVersion(store, query.service, query.after);
  const before = await findVersion(store, query.service, query.before ?? previousOf(after));
  return {
    ask: 'diff',
    store: name,
    before: versionText(before),
    after: versionText(after),
    difference: differences(await objects(store, before), await objects(store, after)),
  };
}

async function findVersion(store: ManifestStore, service: string, wanted?: string): Promise<VersionRecord> {
  const named = wanted === undefined ? undefined : versionOfText(wanted);
  const version =
    named === undefined || !isServiceName(service) ? undefined : await store.version(service, named);
  return version ?? found(versionNamed(await store.history(service, NAMED + 1), service, wanted));
}

function found(result: ReturnType<typeof versionNamed>): VersionRecord {
  if ('version' in result) return result.version;
  throw namedFailure('InvalidRequest', result.problem);
}

function previousOf({ service, previous, ...version }: VersionRecord): string {
  if (previous !== undefined) return versionText(previous);
  throw namedFailure('InvalidRequest', `${versionText(version)} is the first version of ${service}`);
}

async function objects(store: ManifestStore, version: VersionRecord) {
  const { manifests, findings } = await store.bundle(version.service, version);
  if (findings.length > 0)
    throw namedFailure(
      'TargetTrouble',
      findings.map(({ object, problem }) => `${object}: ${problem}`).join('; '),
    );
  return manifests.map(({ object }) => object);
}
