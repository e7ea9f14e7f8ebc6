import { primaryOf, type ObservedPush, type PushWish } from '../domain/datasource-decisions.ts';
import { asPrevious } from '../domain/datasource-document.ts';
import type { DatasourceDocument, PreviousDocument, RegisteredConsumer } from '../domain/datasource.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import type { StepInput } from '../domain/step.ts';
import { readPromotion, type Promotion } from './databases/read-promotion.ts';
import {
  digestOf,
  observePublication,
  within,
  type PushTarget,
  type SeenPublication,
} from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** How long the centers may take to be looked at; those of the site that is left get less. */
const lookMs = 8_000;
const lookAtLostMs = 1_000;
const namedConsumers = 20;

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

export async function observePush(
  input: PushInput,
  targets: readonly PushTarget[],
  tools: StepTools,
): Promise<PushState> {
  const { name, cluster, fromSite } = input.parameters;
  const boundMs = (site: string) => (site === fromSite ? lookAtLostMs : lookMs);
  const [promotion, seen, registries] = await Promise.all([
    readPromotion(cluster, tools),
    Promise.all(targets.map((target) => observePublication(target, name, boundMs(target.site), tools))),
    Promise.all(targets.map((target) => registryOf(target, name, boundMs(target.site), tools))),
  ]);
  const previous = previousOf(seen, input);
  const document = documentFor(input, promotion, previous);
  const wanted = document === null ? '' : digestOf(document);
  const consumers = new Map(registries.flat().map((one) => [one.consumer, one]));
  const missing = [...consumers.values()]
    .filter((one) => wanted === '' || one.digest !== wanted)
    .map(({ consumer }) => consumer)
    .sort();
  return {
    promotion: promotion.observed,
    wanted,
    publications: seen.map(({ observed }) => observed),
    live: consumers.size,
    missing: missing.slice(0, namedConsumers),
    missingCount: missing.length,
    previous,
    document,
  };
}

/** A registry that cannot be read is no reason to wait here: its center is looked at beside it. */
async function registryOf(
  { center, driver }: PushTarget,
  datasource: string,
  boundMs: number,
  tools: StepTools,
): Promise<readonly RegisteredConsumer[]> {
  try {
    return await within(boundMs, driver.consumers(datasource));
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug({ center, error: String(error) }, 'the registry cannot be read');
    return [];
  }
}

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
