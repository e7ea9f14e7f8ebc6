import { good, problem, type KubernetesFinding } from './findings.ts';
import { versionText } from './marks.ts';
import type { StoreHead } from './store-records.ts';

/**
 * Whether somebody still records: a failover brings what the store holds, so a schedule that has stopped is found
 * before that. An empty store is found by whoever wants to apply from it.
 */
export function storeAge(
  head: StoreHead,
  {
    storeName,
    maximumAgeMs,
    nowMs,
  }: { readonly storeName: string; readonly maximumAgeMs: number; readonly nowMs: number },
): readonly KubernetesFinding[] {
  if (head.sequence === 0) return [];
  const what = `newest capture in ${storeName}`;
  const ageMs = nowMs - head.capturedAt;
  const seen = `${head.cluster} was looked at ${minutes(ageMs)} ago, version ${versionText(head)}`;
  if (ageMs <= maximumAgeMs) return [good(what, seen)];
  return [
    problem(
      what,
      `${seen}; expected within ${minutes(maximumAgeMs)}`,
      'see why nothing records the serving cluster any more (siteshift schedule list): a failover would bring what ran then',
    ),
  ];
}

const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;
