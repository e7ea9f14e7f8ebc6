import { AcknowledgementTally, namesOf } from '../domain/acknowledgement-tally.ts';
import {
  centerNotTold,
  chooseCanary,
  isReachable,
  isSiteDead,
  registriesNeeded,
} from '../domain/datasource-decisions.ts';
import type { ConnectedConsumer, DatasourceDocument } from '../domain/datasource.ts';
import { acknowledgementEvidence, missingText, unknownText } from './acknowledgement-evidence.ts';
import { collectorClient } from './collector-client.ts';
import { StepFailed } from './define-step.ts';
import { graceMs } from './gather-in-time.ts';
import { consumersSeen, wishOf, type PushInput, type PushState } from './observe-push.ts';
import { publishDocument } from './publish-document.ts';
import { digestOf, knownFrom, openTargets, textOf, within, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';
import { AcknowledgementWatch } from './watch-acknowledgements.ts';

const lostCenterMs = 1_000;
/** Forced, users wait: who has not answered by then is left behind, however long a planned push may take. */
const forcedMs = 10_000;
/** What `decide` gives a silent center: one that goes away right behind its back is given no less. */
const centerMs = 60_000;

/** One push, from the first look at the registry to the last acknowledgement. */
export interface Push {
  readonly input: PushInput;
  readonly document: DatasourceDocument;
  /** Must take the document. */
  readonly required: readonly PushTarget[];
  /** Of the site that is left: told if they answer. */
  readonly optional: readonly PushTarget[];
  /** Known to be silent: not even tried. */
  readonly silent: readonly string[];
  /** How long consumers may need. */
  readonly acknowledgeMs: number;
  /** Until when centers may need, all rounds together; ms since 1970. */
  readonly centersBy: number;
  readonly tally: AcknowledgementTally;
  readonly watch: AcknowledgementWatch;
  readonly tools: StepTools;
}

export function openPush(
  input: PushInput,
  observed: Pick<PushState, 'publications' | 'promotion'>,
  document: DatasourceDocument,
  tools: StepTools,
): Push {
  const { fromSite, toSite, collectors, datasource } = input.parameters;
  const unreachable = observed.publications.filter((one) => !isReachable(one)).map((one) => one.center);
  const targets = openTargets(input.parameters, tools).filter(({ center }) => !unreachable.includes(center));
  for (const target of targets) {
    const seen = observed.publications.find(
      (one) => one.center === target.center && one.key === target.at.key,
    );
    if (seen !== undefined) target.known = knownFrom(seen);
  }
  const { siteOf } = wishOf(input);
  const isDead =
    input.style === 'forced' ||
    isSiteDead(fromSite, observed.publications, observed.promotion.unreachable, siteOf);
  const isExcused = (consumer: ConnectedConsumer) => isDead && consumer.site === fromSite;
  const { epoch, operation } = document;
  const wanted = { epoch, operation, digest: digestOf(document) };
  const needed = registriesNeeded(observed.publications, input.style);
  const tally = new AcknowledgementTally(wanted, isExcused, needed);
  const { registries, connected } = consumersSeen(input);
  for (const [center, consumers] of registries) tally.list(center, consumers, tools.now());
  for (const [collector, consumers] of connected) tally.meet(collector, consumers);
  const isForced = input.style === 'forced';
  const acknowledgeMs = isForced ? Math.min(datasource.ackTimeoutMs, forcedMs) : datasource.ackTimeoutMs;
  const centersBy = tools.now() + (isForced ? acknowledgeMs : Math.max(acknowledgeMs, centerMs));
  const distance = (site: string) => (site === toSite ? 0 : site === fromSite ? 2 : 1);
  const clients = Object.entries(collectors)
    .sort(([, a], [, b]) => distance(a.site) - distance(b.site))
    .map(([name, collector]) => collectorClient(name, collector, tools));
  // The center of a site that is left may be the only one there is: then it is the one that counts.
  const elsewhere = targets.filter(({ site }) => site !== fromSite);
  const required = elsewhere.length > 0 ? elsewhere : targets;
  return {
    input,
    document,
    required,
    optional: targets.filter((target) => !required.includes(target)),
    silent: unreachable.map((center) => centerNotTold(center, datasource.publishTo, document.epoch)),
    tally,
    acknowledgeMs,
    centersBy,
    watch: new AcknowledgementWatch({
      tally,
      document,
      targets,
      collectors: clients,
      centersBy,
      unregisteredMs: isForced ? graceMs : acknowledgeMs,
      tools,
    }),
    tools,
  };
}

/**
 * A few consumers go first: what they cannot apply, nobody else is told. Not when forced: what they say would stop
 * nothing then, and users wait.
 * @returns ms, when there was a canary
 */
export async function pushCanary(push: Push): Promise<number | undefined> {
  const { input, document, required, tally, tools } = push;
  const { datasource, fromSite, toSite, name } = input.parameters;
  const live = tally.alive();
  const canary = chooseCanary(live, datasource.canary, { fromSite, toSite });
  const isFormal = required.some(({ known }) => {
    const held = known?.held;
    return held !== undefined && 'epoch' in held && held.epoch === document.epoch && !held.isCanary;
  });
  const isUseful = input.style !== 'forced' && canary.length > 0 && live.length > canary.length;
  if (!isUseful || isFormal) return undefined;
  const startedAt = tools.now();
  if (await tellCanary(push, canary)) return tools.now() - startedAt;
  // Who died in the moment of the push leaves the registry instead of answering: others are asked.
  const others = chooseCanary(tally.alive(), datasource.canary, { fromSite, toSite });
  if (others.length > 0 && !(await tellCanary(push, others))) {
    const gone = namesOf([...canary, ...others]);
    throw new StepFailed(
      `${name}: the first consumers left the registry instead of running on ${document.primary}, the others were not told: ${gone}`,
      { canary: others, missing: [] },
    );
  }
  return tools.now() - startedAt;
}

/**
 * @returns whether one of them runs on it; otherwise all have left the registry
 * @throws StepFailed when one is there and does not
 */
async function tellCanary(push: Push, canary: readonly string[]): Promise<boolean> {
  const { input, document, required, tally, tools, watch, acknowledgeMs, centersBy } = push;
  const edition = { ...document, canary };
  await tools.reached('pushDatasource:before-canary');
  await publishTo(push, required, edition, centersBy);
  await tools.reached('pushDatasource:after-canary');
  const state = await watch.untilAcknowledged(edition, tools.now() + acknowledgeMs, canary);
  if (state.missing.length > 0) {
    throw new StepFailed(
      `${input.parameters.name}: the first consumers do not run on ${document.primary} within ${acknowledgeMs} ms, the others were not told: ${missingText(state)}`,
      { canary, missing: state.missing },
    );
  }
  return canary.some((consumer) => tally.hasAcknowledged(consumer));
}

export async function pushToAll(push: Push, document: DatasourceDocument) {
  const { input, required, optional, tally, tools, watch, acknowledgeMs } = push;
  const { datasource, name } = input.parameters;
  const startedAt = tools.now();
  await tools.reached('pushDatasource:before-publish');
  const lost = optional.map(async (target) => {
    try {
      await within(lostCenterMs, publishDocument(target, document, startedAt + lostCenterMs, tools));
      return [];
    } catch (error) {
      tools.log.warn(
        { center: target.center, error: textOf(error) },
        'the center of the site that is left was not told',
      );
      return [centerNotTold(target.center, datasource.publishTo, document.epoch)];
    }
  });
  await publishTo(push, required, document, push.centersBy);
  const publishedAt = tools.now();
  await tools.reached('pushDatasource:after-publish');
  const deadline = (input.style === 'forced' ? startedAt : publishedAt) + acknowledgeMs;
  const state = await watch.untilAcknowledged(document, deadline);
  const acknowledgedMs = tools.now() - startedAt;
  const leftToDo = [...push.silent, ...(await Promise.all(lost)).flat()];
  if (!state.isComplete || state.missing.length > 0) {
    const text = state.isComplete ? missingText(state) : unknownText(state);
    const sentence = `${name}: ${state.missing.length} of ${state.live} consumers do not run on ${document.primary} (epoch ${document.epoch}) after ${acknowledgeMs} ms: ${text}`;
    if (input.style !== 'forced')
      throw new StepFailed(sentence, { missing: state.missing.slice(0, 20), live: state.live });
    leftToDo.push(`see to the consumers that were not waited for: ${text}`);
  }
  if (state.excused.length > 0) {
    leftToDo.push(
      `consumers of ${input.parameters.fromSite} that have not acknowledged: ${namesOf(state.excused)}`,
    );
  }
  if (state.unregistered.length > 0) {
    leftToDo.push(
      `consumers that are connected to a collector, stand in no registry and have not acknowledged: ${namesOf(state.unregistered)}`,
    );
  }
  const knownMs = tally.times.map((at) => Math.max(0, at - startedAt));
  return {
    evidence: acknowledgementEvidence(push, state, startedAt, knownMs),
    durationsMs: {
      publish: publishedAt - startedAt,
      ...(watch.handedAt === undefined ? {} : { handed: watch.handedAt - startedAt }),
      acknowledged: acknowledgedMs,
    },
    details:
      watch.handed > 0 ? [`${watch.handed} documents were handed over directly by the collectors`] : [],
    leftToDo,
  };
}

/** Side by side. Forced, a center that fails is left behind as long as another one took the document. */
async function publishTo(
  { input, tools }: Push,
  targets: readonly PushTarget[],
  document: DatasourceDocument,
  deadline: number,
): Promise<void> {
  const results = await Promise.allSettled(
    targets.map((target) => publishDocument(target, document, deadline, tools)),
  );
  const failed = results
    .filter((result) => result.status === 'rejected')
    .map((result) => result.reason as unknown);
  const refused = failed.find((error) => !(error instanceof StepFailed));
  if (refused !== undefined) throw refused;
  if (failed.length > 0 && (input.style !== 'forced' || failed.length === targets.length)) throw failed[0];
}
