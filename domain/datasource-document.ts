import { canonicalJson } from './json.ts';
import { judgeStamp, type Stamp } from './operation.ts';
import type { DatasourceDocument, PreviousDocument } from './datasource.ts';

/** Larger ones are refused unread: a datasource needs less than one kilobyte. */
export const maxDocumentBytes = 64 * 1024;

/** The registry's names, the same for the orchestrator, the followers and every other implementation. */
export const registryGroup = 'siteshift';
export const registryService = (datasource: string): string => `siteshift.${datasource}`;
export const registryPrefix = (prefix: string, datasource: string): string =>
  `${prefix}consumers/${datasource}/`;

/**
 * The text whose SHA-256 (hex) consumers acknowledge. Without `canary` and `previous`: the canary edition and the
 * formal one say the same about where the datasource is, and whoever applied the first has applied the second.
 */
export function documentDigestText(document: DatasourceDocument): string {
  const { canary: _canary, previous: _previous, ...target } = document;
  return canonicalJson(target);
}

/** What a later document remembers of this one. */
export function asPrevious(document: DatasourceDocument): PreviousDocument {
  const { canary: _canary, previous: _previous, ...target } = document;
  return target;
}

/** What a consumer, or a collector, holds: the highest document it has accepted. */
export interface HeldDocument extends Stamp {
  readonly digest: string;
}

export type DocumentVerdict =
  | { readonly kind: 'apply' }
  /** The very one that is held. */
  | { readonly kind: 'same' }
  /** A canary edition for others: neither taken nor remembered. */
  | { readonly kind: 'not for us' }
  | { readonly kind: 'refuse'; readonly reason: string };

/** A higher epoch wins; an equal one only from the same operation and with the same content. */
export function judgeDocument(
  held: HeldDocument | undefined,
  document: DatasourceDocument,
  digest: string,
  reader: { readonly datasource: string; readonly consumer?: string },
): DocumentVerdict {
  if (document.datasource !== reader.datasource) {
    return {
      kind: 'refuse',
      reason: `expected a document of datasource ${reader.datasource}, seen one of ${document.datasource}`,
    };
  }
  const stamp = judgeStamp(held, document.epoch, document.operation);
  if (stamp.kind === 'stale') return { kind: 'refuse', reason: stamp.reason };
  if (stamp.kind === 'ours') {
    if (held?.digest === digest) return { kind: 'same' };
    const reason = `epoch ${document.epoch} of operation ${document.operation} refused: it was seen before with other content (digest ${held?.digest ?? 'none'}, now ${digest})`;
    return { kind: 'refuse', reason };
  }
  const { consumer } = reader;
  if (consumer !== undefined && document.canary !== undefined && !document.canary.includes(consumer)) {
    return { kind: 'not for us' };
  }
  return { kind: 'apply' };
}
