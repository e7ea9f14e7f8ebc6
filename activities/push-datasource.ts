import { decidePush, isReachable } from '../domain/datasource-decisions.ts';
import { asPrevious } from '../domain/datasource-document.ts';
import type { DatasourceDocument, PreviousDocument } from '../domain/datasource.ts';
import { openEpoch } from '../domain/operation.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import type { Evidence } from '../domain/step.ts';
import { oldSessionsEvidence, unreachableEvidence } from './client-sessions.ts';
import { StepFailed, type Applied, type StepKind } from './define-step.ts';
import { observePush, wishOf, type PushInput, type PushState } from './observe-push.ts';
import { acknowledgementsFact, lostCenterMs, openPush, pushCanary, pushToAll } from './push-rounds.ts';
import { observePublication, openTargets } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** Followers close their old connections right after they have acknowledged; users wait for the steps behind this one. */
const oldSessionsMs = 500;

/** Leads the consumers of a datasource to the new primary, and knows of each live one that it went. */
export const pushDatasource: StepKind<PushDatasourceParameters, PushState> = {
  kind: 'pushDatasource',

  observe: (input, tools) => observePush(input, openTargets(input.parameters, tools), tools),

  decide: (observed, input) => decidePush(observed, wishOf(input)),

  apply: async (input, observed, tools) => {
    const { document, previous } = observed;
    if (document === null) throw new StepFailed('the primary is not known any more', null);
    const push = openPush(input, observed, document, tools);
    try {
      await push.watch.readRegistries();
      const canaryMs = await pushCanary(push);
      const formal = await pushToAll(push, document);
      const sessions = await sessionsOfOld(input, observed, document, tools);
      return {
        snapshot: { previous },
        evidence: [formal.evidence, ...sessions.evidence],
        durationsMs: { ...(canaryMs === undefined ? {} : { canary: canaryMs }), ...formal.durationsMs },
        details: [...formal.details, ...sessions.left],
        leftToDo: [...formal.leftToDo, ...sessions.left],
      };
    } finally {
      push.watch.stop();
    }
  },

  verify: async (input, tools, applied) => {
    const targets = openTargets(input.parameters, tools);
    const observed = await observePush(input, targets, tools);
    // The center of the site that is left is told if it listens; it decides nothing.
    const needed = observed.publications.filter((one) => one.site !== input.parameters.fromSite);
    const wrong = (needed.length > 0 ? needed : observed.publications).filter(
      (one) =>
        isReachable(one) &&
        (one.digest !== observed.wanted || one.isCanary || one.epoch !== input.operation.epoch),
    );
    const counted = applied?.evidence?.find(({ what }) => what === acknowledgementsFact)?.value;
    const {
      live = 0,
      acknowledged = 0,
      notWaitedFor = 0,
    } = (counted ?? {}) as {
      live?: number;
      acknowledged?: number;
      notWaitedFor?: number;
    };
    const { name } = input.parameters;
    const { epoch } = input.operation;
    if (wrong.length > 0) {
      const seen = wrong
        .map((one) => `${one.center} ${one.state} epoch ${one.epoch} ${one.primary}`)
        .join('; ');
      return {
        ok: false,
        observed,
        summary: `${name}: expected epoch ${epoch} in every center, seen ${seen}`,
      };
    }
    const centers = observed.publications.filter(isReachable).map((one) => one.center);
    const tookMs = applied?.durationsMs?.['acknowledged'] ?? 0;
    const primary = observed.document?.primary ?? 'the primary';
    const left = notWaitedFor > 0 ? `; ${notWaitedFor} of the lost site are not waited for` : '';
    const summary = `${name}: ${primary} at epoch ${epoch} published in ${centers.join(', ')}; ${acknowledged} of ${live - notWaitedFor} consumers run on it after ${tookMs} ms${left}`;
    return { ok: true, observed, summary };
  },

  undo: undoPush,
};

/** Whether anybody still holds to the old primary; a node that did not answer before is not asked again. */
async function sessionsOfOld(
  { style, parameters: { cluster, datasource } }: PushInput,
  { previous, promotion }: PushState,
  document: DatasourceDocument,
  tools: StepTools,
): Promise<{ readonly evidence: readonly Evidence[]; readonly left: readonly string[] }> {
  const old = previous?.primary;
  if (old === undefined || old === document.primary || cluster.nodes[old] === undefined) {
    return { evidence: [], left: [] };
  }
  const withinMs = style === 'forced' ? 0 : oldSessionsMs;
  const found = promotion.unreachable.includes(old)
    ? unreachableEvidence(old, datasource.user)
    : await oldSessionsEvidence(old, cluster, datasource.user, withinMs, tools);
  const sentence = `${found.left} sessions of ${datasource.user} are still open on ${old}, which is no longer the primary`;
  return { evidence: [found.evidence], left: found.left > 0 ? [sentence] : [] };
}

/** Publishes what was there before, as something new: consumers only go upwards. */
async function undoPush(input: PushInput, tools: StepTools): Promise<Applied & { readonly summary: string }> {
  const { name } = input.parameters;
  const { previous } = (input.snapshot ?? {}) as { previous?: PreviousDocument | null };
  if (previous === undefined || previous === null) {
    const summary = `${name}: nothing was published before epoch ${input.operation.epoch}, so there is nothing to go back to`;
    return { summary, leftToDo: [summary] };
  }
  const epoch = openEpoch(input.operation);
  const document: DatasourceDocument = { ...previous, epoch, operation: input.operation.id };
  const targets = openTargets(input.parameters, tools);
  const seen = await Promise.all(
    targets.map((target) => observePublication(target, name, lostCenterMs * 3, tools)),
  );
  const replaced = seen.flatMap((one) => (one.document === undefined ? [] : [one.document]))[0];
  const edition = replaced === undefined ? document : { ...document, previous: asPrevious(replaced) };
  const publications = seen.map(({ observed }) => observed);
  const promotion = { epoch: 0, operation: '', node: '', writable: [], unreachable: [] };
  const push = openPush(input, { publications, promotion }, edition, tools);
  try {
    await push.watch.readRegistries();
    const { evidence, durationsMs, details, leftToDo } = await pushToAll(push, edition);
    const summary = `${name}: back to ${previous.primary}, published at epoch ${epoch}`;
    return { summary, evidence: [evidence], durationsMs, details, leftToDo };
  } finally {
    push.watch.stop();
  }
}
