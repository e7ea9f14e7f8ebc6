import {
  AcknowledgementTally,
  distributionOf,
  namesOf,
  percentile,
  type TallyState,
} from '../domain/acknowledgement-tally.ts';
import {
  centerNotTold,
  chooseCanary,
  isReachable,
  isSiteDead,
  registriesNeeded,
} from '../domain/datasource-decisions.ts';
import type { DatasourceDocument, RegisteredConsumer } from '../domain/datasource.ts';
import type { Evidence } from '../domain/step.ts';
import { collectorClient } from './collector-client.ts';
import { StepFailed } from './define-step.ts';
import { registriesSeen, wishOf, type PushInput, type PushState } from './observe-push.ts';
import { publishDocument } from './publish-document.ts';
import { digestOf, knownFrom, openTargets, textOf, within, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';
import { AcknowledgementWatch } from './watch-acknowledgements.ts';

export const acknowledgementsFact = 'acknowledgements';
export type CountedAcknowledgements = {
  /** Centers whose registry said who is alive. */
  readonly registries: readonly string[];
  readonly live: number;
  readonly acknowledged: number;
  /** Of the lost site; their registration has not run out yet. */
  readonly notWaitedFor: number;
  /** Silent or refusing, also those that are not waited for; at most 20 names. */
  readonly missing: readonly string[];
};
const lostCenterMs = 1_000;

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
  const isExcused = (consumer: RegisteredConsumer) => isDead && consumer.site === fromSite;
  const { epoch, operation } = document;
  const wanted = { epoch, operation, digest: digestOf(document) };
  const needed = registriesNeeded(observed.publications, input.style);
  const tally = new AcknowledgementTally(wanted, isExcused, needed);
  for (const [center, consumers] of registriesSeen(input)) tally.list(center, consumers, tools.now());
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
    watch: new AcknowledgementWatch({ tally, document, targets, collectors: clients, tools }),
    tools,
  };
}

/**
 * A few consumers go first: what they cannot apply, nobody else is told. Not when forced: what they say would stop
 * nothing then, and users wait.
 * @returns ms, when there was a canary
 */
export async function pushCanary(push: Push): Promise<number | undefined> {
  const { input, document, required, tally, tools, watch } = push;
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
  const deadline = startedAt + datasource.ackTimeoutMs;
  const edition = { ...document, canary };
  await tools.reached('pushDatasource:before-canary');
  await publishTo(push, required, edition, deadline);
  await tools.reached('pushDatasource:after-canary');
  const state = await watch.untilAcknowledged(edition, deadline, canary);
  if (state.missing.length > 0) {
    throw new StepFailed(
      `${name}: the first consumers do not run on ${document.primary} within ${datasource.ackTimeoutMs} ms, the others were not told: ${missingText(state)}`,
      { canary, missing: state.missing },
    );
  }
  return tools.now() - startedAt;
}

export async function pushToAll(push: Push, document: DatasourceDocument) {
  const { input, required, optional, tally, tools, watch } = push;
  const { datasource, name } = input.parameters;
  const startedAt = tools.now();
  const deadline = startedAt + datasource.ackTimeoutMs;
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
  await publishTo(push, required, document, deadline);
  const publishedAt = tools.now();
  await tools.reached('pushDatasource:after-publish');
  const state = await watch.untilAcknowledged(document, deadline);
  const acknowledgedMs = tools.now() - startedAt;
  const leftToDo = [...push.silent, ...(await Promise.all(lost)).flat()];
  if (!state.isComplete || state.missing.length > 0) {
    const text = state.isComplete ? missingText(state) : unknownText(state);
    const sentence = `${name}: ${state.missing.length} of ${state.live} consumers do not run on ${document.primary} (epoch ${document.epoch}) after ${datasource.ackTimeoutMs} ms: ${text}`;
    if (input.style !== 'forced')
      throw new StepFailed(sentence, { missing: state.missing.slice(0, 20), live: state.live });
    leftToDo.push(`see to the consumers that were not waited for: ${text}`);
  }
  if (state.excused.length > 0) {
    leftToDo.push(
      `consumers of ${input.parameters.fromSite} that have not acknowledged: ${namesOf(state.excused)}`,
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

function acknowledgementEvidence(
  push: Push,
  state: TallyState,
  publishedAt: number,
  knownMs: readonly number[],
): Evidence {
  const { tally, input, required } = push;
  const counted: CountedAcknowledgements = {
    registries: tally.registriesRead,
    live: state.live,
    acknowledged: state.acknowledged,
    notWaitedFor: state.excused.length,
    missing: [...state.missing, ...state.excused].sort().slice(0, 20),
  };
  const value = {
    ...counted,
    p50Ms: percentile(knownMs, 0.5),
    p99Ms: percentile(knownMs, 0.99),
    maxMs: percentile(knownMs, 1),
    publishedAt,
    distribution: distributionOf(knownMs),
    viaRegistryOnly: tally.viaRegistry,
  };
  const collectors = Object.keys(input.parameters.collectors).join(', ') || 'none';
  const source = `collectors: ${collectors}; registry: ${required.map((one) => one.center).join(', ')}`;
  return { what: acknowledgementsFact, value, source };
}

const missingText = ({ missing, refused }: TallyState): string =>
  namesOf(missing.map((consumer) => `${consumer} (${refused.get(consumer) ?? 'silent'})`));

const unknownText = ({ unread }: TallyState): string =>
  `${unread.length === 0 ? 'no registry says' : `the registry of ${unread.join(' and ')} does not say`} who is alive`;
