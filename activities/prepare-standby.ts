import { decidePrepare, type StandbyObserved } from '../domain/kubernetes/decide-prepare.ts';
import type { PrepareStandbyParameters } from '../domain/kubernetes/parameters.ts';
import type { StepInput } from '../domain/step.ts';
import { StepRefused, type Applied, type Attempt, type StepKind, type Verified } from './define-step.ts';
import type { BackupObject } from './kubernetes/backup-archive.ts';
import { definitionsOf, findBackup, type BackupSearch } from './kubernetes/backup-content.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import { installDefinitions } from './kubernetes/install-definitions.ts';
import { findMissing } from './kubernetes/presence.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import { openBucket } from './kubernetes/s3.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<PrepareStandbyParameters>;
type Attempted = Attempt<PrepareStandbyParameters, BackupSearch>;
const SHOWN = 20;

/**
 * Installs on a standby the definitions that a restore of the newest backup would have to install first. Only those that
 * it lacks: which version of one it serves is decided by whoever installed that.
 */
export const prepareStandby: StepKind<PrepareStandbyParameters, StandbyObserved, BackupSearch> = {
  kind: 'prepareStandby',
  read: refuseDenied(search),
  observe: refuseDenied(observe),
  decide: decidePrepare,
  apply,
  verify,
};

/** However old: that is the rehearsal's finding, and its definitions are still the best that are known. */
async function search({ parameters }: Input, tools: StepTools): Promise<BackupSearch> {
  const bucket = await openBucket(parameters.location, tools);
  return findBackup(bucket, parameters, { nowMs: tools.now(), acceptOld: true });
}

async function missingOf(
  client: KubernetesClient,
  { read }: Attempted,
  tools: StepTools,
): Promise<readonly BackupObject[]> {
  return (await findMissing(client, definitionsOf(read.chosen), tools.signal)).missing;
}

async function observe(input: Attempted, tools: StepTools): Promise<StandbyObserved> {
  const { clusterName, cluster } = input.parameters;
  const { chosen, rejected } = input.read;
  const client = await clientOf(clusterName, cluster, tools);
  const missing = await missingOf(client, input, tools);
  return {
    cluster: clusterName,
    backup: chosen?.facts.name ?? null,
    rejected: rejected.slice(0, SHOWN).map(({ name, because }) => `${name}: ${because}`),
    definitions: definitionsOf(chosen).length,
    missing: missing.map(({ name }) => name),
  };
}

async function apply(input: Attempted, _: StandbyObserved, tools: StepTools): Promise<Applied> {
  const { parameters, operation, read } = input;
  const { clusterName, cluster, location } = parameters;
  if (read.chosen === undefined) throw new StepRefused([`${clusterName}: no backup can be read`]);
  const { name, startedAt, items } = read.chosen.facts;
  const client = await clientOf(clusterName, cluster, tools);
  const missing = await missingOf(client, input, tools);
  const beganAt = tools.now();
  await tools.reached('prepareStandby:definitions:before');
  await installDefinitions(
    client,
    missing.map(({ object }) => object),
    { operation, style: 'graceful', tools }, // nobody is waiting for it: what cannot be installed is its news
  );
  await tools.reached('prepareStandby:definitions:after');
  return {
    durationsMs: { definitions: tools.now() - beganAt },
    evidence: [{ what: 'backup', value: { name, startedAt, items }, source: `bucket ${location.bucket}` }],
    details: missing.slice(0, SHOWN).map(({ name }) => `${name} installed`),
  };
}

async function verify(input: Attempted, tools: StepTools): Promise<Verified<StandbyObserved>> {
  const observed = await observe(input, tools);
  const { cluster, backup, definitions, missing } = observed;
  const ok = missing.length === 0;
  const summary = ok
    ? `${cluster}: all ${definitions} definitions of ${backup} are installed`
    : `${cluster}: expected the ${definitions} definitions of ${backup}, lacks ${missing.slice(0, 5).join(', ')}`;
  return { ok, observed, summary };
}
