import type { PreviousDocument, RegisteredConsumer } from './datasource.ts';
import { judgeStamp, type Operation } from './operation.ts';
import type { Decision, StepMode, Style } from './step.ts';

// Type aliases, not interfaces: what a step observes must fit the Json type.

/** One place where the document is published, as it was seen. */
export type ObservedPublication = {
  readonly center: string;
  readonly site: string;
  readonly key: string;
  /** foreign: something that is no document of this datasource. unsafe: the center cannot compare and set. */
  readonly state: 'held' | 'absent' | 'foreign' | 'unsafe' | 'unreachable';
  /** Empty when held or absent. */
  readonly why: string;
  readonly epoch: number;
  readonly operation: string;
  readonly digest: string;
  readonly primary: string;
  readonly isCanary: boolean;
  /** What compare-and-set is to compare with; '' while there is nothing. */
  readonly token: string;
};

/** The newest opening in the journals of the cluster; epoch 0 where there is none. */
export type ObservedPromotion = {
  readonly epoch: number;
  readonly operation: string;
  readonly node: string;
  /** Nodes that take writes now. */
  readonly writable: readonly string[];
  readonly unreachable: readonly string[];
};

export type ObservedPush = {
  readonly promotion: ObservedPromotion;
  /** Digest of what this step would publish; '' while the primary is not known. */
  readonly wanted: string;
  readonly publications: readonly ObservedPublication[];
  /** Centers whose registry was read: without one nobody knows who is alive. */
  readonly registriesRead: readonly string[];
  readonly live: number;
  /** Consumers that have not acknowledged it, at most 20 of them by name. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** What to go back to; null when nothing was published before. */
  readonly previous: PreviousDocument | null;
};

/** What the decision needs of the step's input. */
export interface PushWish {
  readonly operation: Operation;
  readonly mode: StepMode;
  readonly style: Style;
  readonly datasource: string;
  readonly database: string;
  readonly fromSite: string;
  readonly toSite: string;
  readonly siteOf: { readonly [node: string]: string };
}

export function decidePush(observed: ObservedPush, wish: PushWish): Decision {
  const reasons = refusals(observed, wish);
  if (reasons.length > 0) return { kind: 'refuse', reasons };
  if (isEveryCenterLost(observed, wish)) {
    const reason = `${wish.datasource}: every config center it is published in is lost with ${wish.fromSite}`;
    return { kind: 'refuse', reasons: [reason], ...(wish.style === 'forced' ? {} : { mayPass: true }) };
  }
  const primary = primaryOf(observed.promotion, wish);
  const waits = [
    ...(typeof primary === 'string' || wish.mode === 'precheck' ? [] : [primary.waitFor]),
    ...centersWaitedFor(observed, wish),
  ];
  if (waits.length > 0) return { kind: 'wait', for: waits };
  const open = observed.publications.filter(isReachable).filter((one) => !isPublished(one, observed, wish));
  const unread = registriesNeeded(observed.publications, wish.style).filter(
    (center) => !observed.registriesRead.includes(center),
  );
  const isCounted = observed.registriesRead.length > 0 && unread.length === 0;
  if (open.length === 0 && isCounted && observed.missingCount === 0 && wish.mode !== 'precheck') {
    const because = `${wish.datasource}: epoch ${wish.operation.epoch} is published, and ${observed.live} of ${observed.live} consumers run on it`;
    const silent = observed.publications.filter((one) => !isReachable(one));
    return {
      kind: 'already',
      because,
      snapshot: { previous: observed.previous },
      leftToDo: silent.map(({ center }) => centerNotTold(center, silent, wish.operation.epoch)),
    };
  }
  const target = typeof primary === 'string' ? primary : `the primary of ${wish.database} in ${wish.toSite}`;
  const centers = open.map((one) => one.center).join(', ');
  return {
    kind: 'apply',
    will: [
      open.length === 0
        ? `wait until ${observed.live} consumers run on ${target}`
        : `publish ${target} as ${wish.datasource} in ${centers}; ${observed.live} consumers are to acknowledge`,
    ],
  };
}

/** Which node consumers shall be led to, or what has to happen first. */
export function primaryOf(
  promotion: ObservedPromotion,
  wish: Pick<PushWish, 'operation' | 'database' | 'toSite' | 'siteOf'>,
): string | { readonly waitFor: string } {
  const { epoch, id } = wish.operation;
  const [only] = promotion.writable;
  if (promotion.epoch === epoch && promotion.operation === id) {
    if (promotion.writable.includes(promotion.node)) return promotion.node;
    return { waitFor: `${promotion.node}, promoted at epoch ${epoch}, to answer and to take writes` };
  }
  // Nothing was promoted in this run because the primary stood in the target site before.
  if (only !== undefined && wish.siteOf[only] === wish.toSite) return only;
  const last =
    promotion.epoch === 0 ? 'its journal is empty' : `its journal ends at epoch ${promotion.epoch}`;
  const silent =
    promotion.unreachable.length === 0 ? '' : `; ${promotion.unreachable.join(', ')} cannot be reached`;
  return { waitFor: `a primary of ${wish.database} in ${wish.toSite} at epoch ${epoch}: ${last}${silent}` };
}

function refusals(observed: ObservedPush, wish: PushWish): readonly string[] {
  const { promotion, publications } = observed;
  const { epoch, id } = wish.operation;
  const reasons = publications.flatMap((one) => {
    if (one.state === 'foreign' || one.state === 'unsafe') return [`${one.center}: ${one.why}`];
    if (one.state !== 'held' || wish.mode === 'precheck') return [];
    const verdict = judgeStamp(one, epoch, id);
    return verdict.kind === 'stale' ? [`${one.center}: ${one.key}: ${verdict.reason}`] : [];
  });
  if (promotion.writable.length > 1) {
    const nodes = promotion.writable.join(' and ');
    reasons.push(`${wish.database}: ${nodes} both take writes: split brain, a person must decide`);
  }
  if (wish.mode !== 'precheck' && promotion.epoch > 0) {
    const verdict = judgeStamp(promotion, epoch, id);
    if (verdict.kind === 'stale') reasons.push(`${wish.database}: journal: ${verdict.reason}`);
  }
  return reasons;
}

/**
 * A center may be gone with a dead site; forced, any may, as long as one is left. That of a site that lives is waited
 * for: consumers that are registered nowhere else would not be counted, and its slow moment is no loss.
 */
function centersWaitedFor(observed: ObservedPush, wish: PushWish): readonly string[] {
  const { publications } = observed;
  if (wish.style === 'forced' && publications.some(isReachable)) return [];
  const isOver = isGivenUp(observed, wish);
  const needed = publications.filter((one) => !isOver || one.site !== wish.fromSite);
  return needed.filter((one) => !isReachable(one)).map((one) => `config center ${one.center} (${one.why})`);
}

export function centerNotTold(
  center: string,
  places: readonly { readonly center: string; readonly key: string }[],
  epoch: number,
): string {
  const keys = places.filter((one) => one.center === center).map(({ key }) => key);
  return `config center ${center} was not told: ${keys.join(', ')} must be brought to epoch ${epoch} before its consumers start again`;
}

const isEveryCenterLost = (observed: ObservedPush, wish: PushWish): boolean =>
  isGivenUp(observed, wish) &&
  observed.publications.every((one) => one.site === wish.fromSite && !isReachable(one));

/** Whether what is silent in the site that is left is taken for lost. */
const isGivenUp = (
  { publications, promotion }: ObservedPush,
  { style, fromSite, siteOf }: PushWish,
): boolean => style === 'forced' || isSiteDead(fromSite, publications, promotion.unreachable, siteOf);

/** Whose registry must be read before it is known who is alive: of each center that answers; forced, any will do. */
export const registriesNeeded = (
  publications: readonly ObservedPublication[],
  style: Style,
): readonly string[] =>
  style === 'forced' ? [] : publications.filter(isReachable).map(({ center }) => center);

export const isReachable = (one: ObservedPublication): boolean => one.state !== 'unreachable';

/** Nothing of it answers, neither its config centers nor its database nodes, and there was something to ask. */
export function isSiteDead(
  site: string,
  publications: readonly ObservedPublication[],
  unreachableNodes: readonly string[],
  siteOf: { readonly [node: string]: string },
): boolean {
  const centers = publications.filter((one) => one.site === site);
  const nodes = Object.keys(siteOf).filter((node) => siteOf[node] === site);
  return (
    centers.length + nodes.length > 0 &&
    !centers.some(isReachable) &&
    nodes.every((node) => unreachableNodes.includes(node))
  );
}

const isPublished = (one: ObservedPublication, observed: ObservedPush, wish: PushWish): boolean =>
  one.state === 'held' &&
  !one.isCanary &&
  one.digest === observed.wanted &&
  judgeStamp(one, wish.operation.epoch, wish.operation.id).kind === 'ours';

/** The first consumers to take a document: of the target site where there are any, in the order of their names. */
export function chooseCanary(
  live: readonly RegisteredConsumer[],
  count: number,
  sites: { readonly fromSite: string; readonly toSite: string },
): readonly string[] {
  const distance = ({ site }: RegisteredConsumer) =>
    site === sites.toSite ? 0 : site === sites.fromSite ? 2 : 1;
  return live
    .filter((one) => one.site !== sites.fromSite || live.every(({ site }) => site === sites.fromSite))
    .toSorted((a, b) => distance(a) - distance(b) || (a.consumer < b.consumer ? -1 : 1))
    .slice(0, count)
    .map((one) => one.consumer);
}
