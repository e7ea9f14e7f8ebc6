import { decideRestore, type BackupObserved } from '../domain/kubernetes/decide-restore.ts';
import { describeRestored, leftDiffering, leftLacking } from '../domain/kubernetes/describe-restored.ts';
import type { RestoreBackupParameters } from '../domain/kubernetes/parameters.ts';
import { isPlain, itemKey } from '../domain/kubernetes/restore-plan.ts';
import type { StepInput } from '../domain/step.ts';
import { StepRefused, type Applied, type Attempt, type StepKind, type Verified } from './define-step.ts';
import type { BackupObject } from './kubernetes/backup-archive.ts';
import { definitionsOf, findBackup, isDefinition, type BackupSearch } from './kubernetes/backup-content.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import { compareExisting } from './kubernetes/compare-existing.ts';
import { claimStamp, readStamp } from './kubernetes/epoch-stamp.ts';
import { installDefinitions } from './kubernetes/install-definitions.ts';
import { leftAfterRestore } from './kubernetes/left-after-restore.ts';
import { findMissing } from './kubernetes/presence.ts';
import { writableResources } from './kubernetes/permissions.ts';
import { probeWriting } from './kubernetes/probe-bucket.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import {
  describeErrors,
  describeRun,
  restoreByVelero,
  type RestoredByVelero,
} from './kubernetes/restore-by-velero.ts';
import { restoreDirectly, type DirectRestore } from './kubernetes/restore-directly.ts';
import { openBucket } from './kubernetes/s3.ts';
import { updateExisting, type Updated } from './kubernetes/update-existing.ts';
import { veleroOf } from './kubernetes/velero.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<RestoreBackupParameters>;
type Attempted = Attempt<RestoreBackupParameters, BackupSearch>;
const SHOWN = 20;

/** Restores what a cluster lacks of the newest good backup: plain objects by itself, the rest through Velero. */
export const restoreBackup: StepKind<RestoreBackupParameters, BackupObserved, BackupSearch> = {
  kind: 'restoreBackup',
  waitMs: 180_000, // Velero may lose a whole minute's tick after its own start
  read: refuseDenied(search),
  observe: refuseDenied(observe),
  decide: (observed, input) => decideRestore(observed, input),
  apply,
  verify,
};

/** One attempt works with one backup, however many newer ones appear meanwhile. */
async function search({ style, overrides, parameters }: Input, tools: StepTools): Promise<BackupSearch> {
  const acceptOld = style === 'forced' || overrides?.['acceptOldBackup'] !== undefined;
  const bucket = await openBucket(parameters.location, tools);
  return findBackup(bucket, parameters, { nowMs: tools.now(), acceptOld });
}

/** What is left for people is told also by an attempt that finds all of it there, brought by one that was killed. */
async function observe(input: Attempted, tools: StepTools): Promise<BackupObserved> {
  const seen = await look(input, tools);
  const { chosen } = input.read;
  if (chosen === undefined || input.mode === 'precheck' || seen.missing + seen.missingDefinitions > 0)
    return seen;
  const { parameters } = input;
  const client = await clientOf(parameters.clusterName, parameters.cluster, tools);
  const backup = { name: chosen.facts.name, objects: chosen.objects };
  return { ...seen, left: await leftAfterRestore(client, parameters, backup, tools.signal) };
}

async function look(input: Attempted, tools: StepTools): Promise<BackupObserved> {
  const { parameters, read } = input;
  const { chosen, rejected } = read;
  const { clusterName, cluster } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const velero = veleroOf(client, cluster);
  const [{ lookedAt, ...location }, stamp] = await Promise.all([
    velero.location(),
    readStamp(client, input.operation.domain),
  ]);
  const needed = [...definitionsOf(chosen), ...(chosen?.wanted ?? [])];
  const seen = await compareExisting(client, needed, { backup: chosen, cluster, signal: tools.signal });
  const { missing: lacking, unknown, differing } = seen;
  const existing = parameters.existing ?? 'keep';
  const missing = lacking.filter((item) => !isDefinition(item));
  const definitions = lacking.filter(isDefinition).map(({ name }) => name);
  const bucket = await openBucket(parameters.location, tools);
  return {
    cluster: clusterName,
    stamp: stamp ?? null,
    location,
    veleroSilentMs: lookedAt === undefined ? null : tools.now() - lookedAt,
    backup:
      chosen === undefined
        ? null
        : {
            name: chosen.facts.name,
            startedAt: chosen.facts.startedAt,
            ageMs: tools.now() - chosen.facts.startedAt,
            cluster: chosen.facts.cluster,
            items: chosen.facts.items,
          },
    rejected: rejected.slice(0, SHOWN).map(({ name, because }) => `${name}: ${because}`),
    isSynced: chosen !== undefined && (await velero.knowsBackup(chosen.facts.name)),
    wanted: chosen?.wanted.length ?? 0,
    missing: missing.length,
    missingForVelero: parameters.direct
      ? missing.filter((item) => !isPlain(item, item.object)).length
      : missing.length,
    firstMissing: missing.slice(0, SHOWN).map(itemKey),
    missingByResource: countBy(missing),
    existing,
    differing: differing.length,
    firstDiffering: differing.slice(0, SHOWN).map(itemKey),
    toUpdate: existing === 'update' ? (await oursOf(client, differing)).size : 0,
    missingDefinitions: definitions.length,
    firstDefinitions: definitions.slice(0, SHOWN),
    unknownResources: unknown.filter((resource) => !definitions.includes(resource)), // a definition is named so
    cannotWrite: input.mode === 'precheck' ? await probeWriting(bucket) : '',
    left: [],
  };
}

function countBy(items: readonly BackupObject[]): Readonly<Record<string, number>> {
  const groups = Map.groupBy(items, ({ resource }) => resource);
  return Object.fromEntries([...groups].map(([resource, members]) => [resource, members.length]));
}

async function apply(input: Attempted, _observed: BackupObserved, tools: StepTools): Promise<Applied> {
  const { parameters, operation, read } = input;
  const { clusterName, cluster, location } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const { chosen } = read;
  if (chosen === undefined) throw new StepRefused([`${clusterName}: no backup is good enough to restore`]);
  await claimStamp(client, operation);
  const startedAt = tools.now();
  const definitions = await installMissing(client, definitionsOf(chosen), input, tools);
  const durationsMs: Record<string, number> = { definitions: tools.now() - startedAt };
  const timed = async <Result>(name: string, work: Promise<Result>): Promise<Result> => {
    const beganAt = tools.now();
    const result = await work;
    durationsMs[name] = tools.now() - beganAt;
    return result;
  };
  const deadline = tools.now() + parameters.timeoutMs; // of all of Velero's turns together
  const restore = (items: readonly BackupObject[]) =>
    restoreByVelero(client, items, { input, backup: chosen.facts.name, deadline, tools });

  const against = { backup: chosen, cluster, signal: tools.signal };
  const { missing, differing } = await compareExisting(client, chosen.wanted, against);
  const outdated = parameters.existing === 'update' ? await oursOf(client, differing) : [];
  const plain = parameters.direct ? await oursOf(client, missing) : new Set<BackupObject>();
  const others = missing.filter((item) => !plain.has(item));
  // Both at once: neither needs what the other brings, and Velero takes seconds for the least it can do.
  const byOurselves = async () => ({
    ...(await restoreDirectly(client, [...plain], { operation, tools })),
    brought: await updateExisting(client, [...outdated], { operation, all: chosen.objects, tools }),
  });
  const [direct, first] = await settleBoth(timed('direct', byOurselves()), timed('restore', restore(others)));
  const { missing: refused } = await findMissing(client, [...plain], tools.signal);
  const second: RestoredByVelero =
    first.gaveUp === undefined ? await timed('rest', restore(refused)) : { runs: [] };
  const runs = [...first.runs, ...second.runs];
  const { filters: _, ...facts } = chosen.facts;
  const backup = { name: facts.name, objects: chosen.objects };
  return {
    durationsMs,
    evidence: [
      { what: 'backup', value: facts, source: `bucket ${location.bucket}` },
      ...runs.map((run) => ({
        what: 'restore',
        value: { ...run.restore, attempts: run.attempts },
        source: `Velero on ${clusterName}`,
      })),
    ],
    details: [
      ...definitions.details,
      ...(parameters.direct ? describeDirect(direct) : []),
      ...describeUpdated(direct.brought),
      ...runs.flatMap(describeRun),
    ],
    leftToDo: [
      ...[first, second].flatMap(({ gaveUp }) => gaveUp ?? []),
      ...definitions.leftToDo,
      ...direct.brought.failures.slice(0, SHOWN),
      ...describeErrors(runs, SHOWN),
      ...(await leftAfterRestore(client, parameters, backup, tools.signal)),
    ],
  };
}

/** What we write by ourselves: plain objects of the kinds that our identity may write. */
async function oursOf(
  client: KubernetesClient,
  items: readonly BackupObject[],
): Promise<ReadonlySet<BackupObject>> {
  const plain = items.filter((item) => isPlain(item, item.object));
  const writable = await writableResources(client, new Set(plain.map(({ resource }) => resource)));
  return new Set(plain.filter(({ resource }) => writable.has(resource)));
}

/** Both results; when one fails, not before the other has ended: nothing may go on behind the caller's back. */
async function settleBoth<First, Second>(
  first: Promise<First>,
  second: Promise<Second>,
): Promise<[First, Second]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

function describeDirect({ applied, failures }: DirectRestore): readonly string[] {
  const left = failures.slice(0, 3).map(({ object, because }) => `${object}: ${because}`);
  return [
    `${applied} objects applied from the backup`,
    ...(failures.length === 0 ? [] : [`${failures.length} left to Velero, first: ${left.join('; ')}`]),
  ];
}

const describeUpdated = ({ updated }: Updated): readonly string[] =>
  updated === 0 ? [] : [`${updated} objects that differed brought up to date with the backup`];

/** Definitions go first and by our own hand: Velero waits for each of them, a minute for a hundred. */
async function installMissing(
  client: KubernetesClient,
  defined: readonly BackupObject[],
  { operation, style }: Input,
  tools: StepTools,
): Promise<Required<Pick<Applied, 'details' | 'leftToDo'>>> {
  const { missing } = await findMissing(client, defined, tools.signal);
  if (missing.length === 0) return { details: [], leftToDo: [] };
  await tools.reached('restoreBackup:definitions:before');
  const wanted = missing.map(({ object }) => object);
  const left = await installDefinitions(client, wanted, { operation, style, tools });
  await tools.reached('restoreBackup:definitions:after');
  const count = missing.length - left.length;
  return {
    details: [`${count} definitions installed that the standby should have had before`],
    leftToDo: left.slice(0, SHOWN),
  };
}

/** Forced goes on with what could be brought back: the rest is left to do, by name. */
async function verify(input: Attempted, tools: StepTools): Promise<Verified<BackupObserved>> {
  const observed = await look(input, tools);
  const ok = observed.missing + observed.missingDefinitions === 0 || input.style === 'forced';
  return {
    ok,
    observed,
    leftToDo: [...(ok ? leftLacking(observed) : []), ...leftDiffering(observed)],
    summary: describeRestored(observed, ok),
  };
}
