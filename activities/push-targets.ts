import { createHash } from 'node:crypto';
import type { ObservedPublication } from '../domain/datasource-decisions.ts';
import { documentDigestText, type HeldDocument } from '../domain/datasource-document.ts';
import { MalformedMessage, parseDocument } from '../domain/datasource-messages.ts';
import type { DatasourceDocument } from '../domain/datasource.ts';
import type { PushDatasourceParameters } from '../domain/step-parameters.ts';
import { openConfigCenter, type CenterKey, type ConfigCenterDriver } from './config-center.ts';
import type { StepTools } from './tools.ts';

/** One publication of the datasource, with the driver of its center. */
export interface PushTarget {
  readonly center: string;
  readonly site: string;
  readonly at: CenterKey;
  readonly driver: ConfigCenterDriver;
  /** What this step saw there last; undefined when it has to look. */
  known: { readonly held: HeldContent } | undefined;
}

export function openTargets(parameters: PushDatasourceParameters, tools: StepTools): readonly PushTarget[] {
  const { datasource, centers } = parameters;
  return datasource.publishTo.map(({ center: name, key, group }) => {
    const center = centers[name];
    if (center === undefined)
      throw new Error(`datasource ${parameters.name}: no config center ${name} in the plan`);
    const driver = openConfigCenter(center, tools);
    return { center: name, site: center.site, at: { key, group }, driver, known: undefined };
  });
}

export const digestOf = (document: DatasourceDocument): string =>
  createHash('sha256').update(documentDigestText(document)).digest('hex');

/** A document, or why it is none; undefined when there is nothing. */
export type HeldContent =
  | (HeldDocument & {
      readonly token: string;
      readonly primary: string;
      readonly isCanary: boolean;
      readonly document?: DatasourceDocument;
    })
  | { readonly token: string; readonly foreign: string }
  | undefined;

export const heldDocument = (document: DatasourceDocument, token: string) => ({
  token,
  epoch: document.epoch,
  operation: document.operation,
  digest: digestOf(document),
  primary: document.primary,
  isCanary: document.canary !== undefined,
});

/** What a center holds under the key. What is not a document of this datasource is left alone by everybody. */
export async function readHeld({ driver, at }: PushTarget, datasource: string): Promise<HeldContent> {
  const found = await driver.read(at);
  if (found === undefined) return undefined;
  const { token, content } = found;
  try {
    const document = parseDocument(content);
    if (document.datasource === datasource) return { ...heldDocument(document, token), document };
    return { token, foreign: `${at.key} holds the document of datasource ${document.datasource}` };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return {
      token,
      foreign: `${at.key} holds something else than a datasource document (${error.message})`,
    };
  }
}

/** What an observation says about the content; undefined where it could not look. */
export function knownFrom(observed: ObservedPublication): PushTarget['known'] {
  if (observed.state === 'absent') return { held: undefined };
  return observed.state === 'held' ? { held: observed } : undefined;
}

/** Centers whose compare-and-set was tried, with the time of it; tried again after a while: servers get replaced. */
const probed = new Map<string, number>();
const probeHoldsMs = 600_000;

async function unsafeReason({ driver }: PushTarget, now: number): Promise<string | undefined> {
  if (now - (probed.get(driver.where) ?? 0) < probeHoldsMs) return undefined;
  const verdict = await driver.probe();
  if (!verdict.isReal) return verdict.why;
  probed.set(driver.where, now);
  return undefined;
}

export interface SeenPublication {
  readonly observed: ObservedPublication;
  readonly document?: DatasourceDocument;
}

const nothingSeen = ({ center, site, at }: PushTarget) => ({
  center,
  site,
  key: at.key,
  why: '',
  epoch: 0,
  operation: '',
  digest: '',
  primary: '',
  isCanary: false,
  token: '',
});

export const unreachablePublication = (target: PushTarget, why: string): SeenPublication => ({
  observed: { ...nothingSeen(target), state: 'unreachable', why },
});

/** @param withinMs a center that may be gone with its site must not hold up the look at the others */
export async function observePublication(
  target: PushTarget,
  datasource: string,
  withinMs: number,
  tools: StepTools,
): Promise<SeenPublication> {
  const nothing = nothingSeen(target);
  const look = async (): Promise<SeenPublication> => {
    const [why, held] = await Promise.all([unsafeReason(target, tools.now()), readHeld(target, datasource)]);
    if (why !== undefined) return { observed: { ...nothing, state: 'unsafe', why } };
    if (held === undefined) return { observed: { ...nothing, state: 'absent' } };
    if ('foreign' in held) return { observed: { ...nothing, state: 'foreign', why: held.foreign } };
    const { document, ...rest } = held;
    const observed = { ...nothing, ...rest, state: 'held' } as const;
    return document === undefined ? { observed } : { observed, document };
  };
  try {
    return await within(withinMs, look());
  } catch (error) {
    tools.signal.throwIfAborted();
    return unreachablePublication(target, textOf(error));
  }
}

/** The result of the work, or an error after so long; the work itself ends by its own time-outs. */
export async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const textOf = (error: unknown): string => {
  if (error instanceof AggregateError) return [error.message, ...error.errors.map(textOf)].join('; ');
  return error instanceof Error ? error.message : String(error);
};
