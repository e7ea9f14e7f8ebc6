import { primaryOf, type ObservedPush, type PushWish } from '../domain/datasource-decisions.ts';
import { asPrevious } from '../domain/datasource-document.ts';
import type {
  ConnectedConsumer,
  DatasourceDocument,
  PreviousDocument,
  RegisteredConsumer,
} from '../domain/datasource.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import type { StepInput } from '../domain/step.ts';
import { readPromotion, type Promotion } from './databases/read-promotion.ts';
import { gatherNeeded, graceMs } from './gather-in-time.ts';
import { connectedTo, countConsumers, registryOf, type CountedConsumers } from './live-consumers.ts';
import {
  digestOf,
  observePublication,
  unreachablePublication,
  type PushTarget,
  type SeenPublication,
} from './push-targets.ts';
import type { StepTools } from './tools.ts';

/**
 * How long the centers may take to be looked at; forced, those of the site that is left get less, and no more than a
 * moment after all the others, and so do its database nodes: users wait for what may be gone.
 */
const lookMs = 8_000;
const lookAtLostMs = 1_000;

export type PushInput = StepInput<PushDatasourceParameters>;

/** What `decide` sees, and the document that `apply` is to publish (null while the primary is not known). */
export type PushState = ObservedPush & { readonly document: DatasourceDocumentJson | null };
/** The same as data: interfaces do not fit the Json type. */
export type DatasourceDocumentJson = {
  readonly [Field in keyof DatasourceDocument]: DatasourceDocument[Field];
};

export const wishOf = ({ operation, mode, style, parameters }: PushInput): PushWish => ({
  operation,
  mode,
  style,
  datasource: parameters.name,
  database: parameters.datasource.database,
  fromSite: parameters.fromSite,
  toSite: parameters.toSite,
  siteOf: Object.fromEntries(
    Object.entries(parameters.cluster.nodes).map(([name, { site }]) => [name, site]),
  ),
});

/** What an attempt has read, by its input: too large for an outcome, and too young to be read again. */
interface PushReadings {
  readonly promotion: Promotion;
  /** center -> its registry; without those that could not be read. */
  readonly registries: ReadonlyMap<string, readonly RegisteredConsumer[]>;
  /** collector -> who is connected to it; without those that did not answer. */
  readonly connected: ReadonlyMap<string, readonly ConnectedConsumer[]>;
}
const readings = new WeakMap<PushInput, PushReadings>();

/** Who stood in the registries, and was connected, when this attempt looked; empty where it did not. */
export const consumersSeen = (input: PushInput): Pick<PushReadings, 'registries' | 'connected'> =>
  readings.get(input) ?? { registries: new Map(), connected: new Map() };

export async function observePush(
  input: PushInput,
  targets: readonly PushTarget[],
  tools: StepTools,
): Promise<PushState> {
  const { name, cluster, fromSite } = input.parameters;
  const isForced = input.style === 'forced';
  const look = (target: PushTarget, ms: number) => observePublication(target, name, ms, tools);
  const list = (target: PushTarget, ms: number) => registryOf(target, name, ms, tools);
  const atLeftMs = isForced ? lookAtLostMs : lookMs;
  const looks = Promise.all([
    readPromotion(cluster, tools, isForced ? { site: fromSite, graceMs } : undefined),
    lookAtCenters(input, targets, { look, late: silentCenter, atLeftMs }),
    lookAtCenters(input, targets, { look: list, late: () => undefined, atLeftMs }),
  ]);
  const met = connectedTo(input, isForced ? looks : undefined, tools);
  const [[promotion, seen, lists], connected] = await Promise.all([looks, met]); // together: either may throw
  const registries = new Map(
    targets.flatMap(({ center }, index) => {
      const list = lists[index];
      return list === undefined ? [] : [[center, list] as const];
    }),
  );
  readings.set(input, { promotion, registries, connected });
  const document = documentFor(input, promotion, previousOf(seen, input));
  const wanted = document === null ? '' : digestOf(document);
  return stateOf(input, promotion, seen, countConsumers(registries, connected, wanted));
}

/**
 * The centers once more, after the push; what consumers run on was told by themselves, and who is primary is not what
 * this step changes.
 */
export async function observePublished(
  input: PushInput,
  targets: readonly PushTarget[],
  consumers: CountedConsumers,
  tools: StepTools,
): Promise<PushState> {
  const { name, cluster } = input.parameters;
  const promotion = readings.get(input)?.promotion ?? (await readPromotion(cluster, tools));
  const look = (target: PushTarget, ms: number) => observePublication(target, name, ms, tools);
  // Here the center of the site that is left decides nothing, unless it is the only one.
  const isOnlyOne = targets.every(({ site }) => site === input.parameters.fromSite);
  const atLeftMs = isOnlyOne && input.style !== 'forced' ? lookMs : lookAtLostMs;
  const seen = await lookAtCenters(input, targets, { look, late: silentCenter, atLeftMs });
  return stateOf(input, promotion, seen, consumers);
}

function stateOf(
  input: PushInput,
  promotion: Promotion,
  seen: readonly SeenPublication[],
  consumers: CountedConsumers,
): PushState {
  const previous = previousOf(seen, input);
  const document = documentFor(input, promotion, previous);
  return {
    promotion: promotion.observed,
    wanted: document === null ? '' : digestOf(document),
    publications: seen.map(({ observed }) => observed),
    ...consumers,
    previous,
    document,
  };
}

/** All at once; forced, those of the site that is left are not waited for once the others are known. */
function lookAtCenters<Seen>(
  { style, parameters: { fromSite } }: PushInput,
  targets: readonly PushTarget[],
  how: {
    readonly look: (target: PushTarget, withinMs: number) => Promise<Seen>;
    readonly late: (target: PushTarget) => Seen;
    /** How long a center of the site that is left may take. */
    readonly atLeftMs: number;
  },
): Promise<readonly Seen[]> {
  const isElsewhere = ({ site }: PushTarget) => site !== fromSite;
  const isHurried = style === 'forced' && targets.some(isElsewhere);
  return gatherNeeded(
    targets.map((target) => ({
      isNeeded: !isHurried || isElsewhere(target),
      look: how.look(target, isElsewhere(target) ? lookMs : how.atLeftMs),
      late: how.late(target),
    })),
    graceMs,
  );
}

const silentCenter = (target: PushTarget): SeenPublication =>
  unreachablePublication(target, `no answer ${graceMs} ms after the other centers`);

/** The newest document that is not of this very push; ours remembers what it replaced. */
function previousOf(seen: readonly SeenPublication[], { operation }: PushInput): PreviousDocument | null {
  const [newest] = seen
    .flatMap(({ document }) => {
      if (document === undefined) return [];
      const isOurs = document.epoch === operation.epoch && document.operation === operation.id;
      if (!isOurs) return [asPrevious(document)];
      return document.previous === undefined ? [] : [document.previous];
    })
    .sort((a, b) => b.epoch - a.epoch);
  return newest ?? null;
}

function documentFor(
  input: PushInput,
  { observed, identities }: Promotion,
  previous: PreviousDocument | null,
): DatasourceDocument | null {
  const { operation, parameters } = input;
  const { name, datasource, cluster } = parameters;
  const primary = primaryOf(observed, wishOf(input));
  if (typeof primary !== 'string') return null;
  const node = cluster.nodes[primary];
  const serverIdentity = identities[primary];
  if (node === undefined || serverIdentity === undefined) return null;
  return {
    epoch: operation.epoch,
    operation: operation.id,
    datasource: name,
    domain: operation.domain,
    engine: cluster.engine,
    primary,
    host: node.host,
    port: node.port,
    schema: datasource.schema,
    user: datasource.user,
    password: datasource.password,
    serverIdentity,
    candidates: Object.entries(cluster.nodes)
      .filter(([name, { neverPromote }]) => name !== primary && !neverPromote)
      .map(([name, { host, port }]) => ({ node: name, host, port })),
    ...(previous === null ? {} : { previous }),
  };
}
