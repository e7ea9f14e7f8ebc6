import { decidePush, isReachable } from '../domain/datasource-decisions.ts';
import type { DatasourceDocument } from '../domain/datasource.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import type { Evidence } from '../domain/step.ts';
import { acknowledgementsFact, type CountedAcknowledgements } from './acknowledgement-evidence.ts';
import { oldSessionsEvidence, unreachableEvidence } from './client-sessions.ts';
import { StepFailed, type StepKind } from './define-step.ts';
import { observePublished, observePush, wishOf, type PushInput, type PushState } from './observe-push.ts';
import { openPush, pushCanary, pushToAll } from './push-rounds.ts';
import { openTargets } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** Followers close their old connections right after they have acknowledged; users wait for the steps behind this one. */
const oldSessionsMs = 500;

/**
 * Leads the consumers of a datasource to the new primary, and knows of each live one that it went. No way back: what it
 * publishes names a primary that takes writes, what was there before names one that no longer does.
 */
export const pushDatasource: StepKind<PushDatasourceParameters, PushState> = {
  kind: 'pushDatasource',

  observe: (input, tools) => observePush(input, openTargets(input.parameters, tools), tools),

  decide: (observed, input) => decidePush(observed, wishOf(input)),

  apply: async (input, observed, tools) => {
    const { document, previous } = observed;
    if (document === null) throw new StepFailed('the primary is not known any more', null);
    const push = openPush(input, observed, document, tools);
    try {
      if (!push.tally.state().isComplete) await push.watch.readRegistries();
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
    const fact = applied?.evidence?.find(({ what }) => what === acknowledgementsFact)?.value;
    const counted = (fact ?? {}) as Partial<CountedAcknowledgements>;
    const { registries = [], live = 0, acknowledged = 0, notWaitedFor = 0, missing = [] } = counted;
    const consumers = { registriesRead: registries, live, missing, missingCount: live - acknowledged };
    const observed = await observePublished(input, targets, consumers, tools);
    // The center of the site that is left is told if it listens; it decides nothing.
    const needed = observed.publications.filter((one) => one.site !== input.parameters.fromSite);
    const wrong = (needed.length > 0 ? needed : observed.publications).filter(
      (one) =>
        isReachable(one) &&
        (one.digest !== observed.wanted || one.isCanary || one.epoch !== input.operation.epoch),
    );
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
