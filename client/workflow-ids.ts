import { randomBytes } from 'node:crypto';
import type { ManifestQuery } from '../domain/kubernetes/manifest-query.ts';
import type { RunRequest } from '../domain/run.ts';

/**
 * The one function that names a run. Unique for each start: the id is the operation id that is stamped into every
 * layer, so that two starts must never share one.
 */
export function runWorkflowId(
  { runbook, from, to }: RunRequest,
  startedAt: Date,
  random = randomBytes(3).toString('hex'),
): string {
  return [runbook, from, to, timeText(startedAt), random].filter((part) => part !== undefined).join('-');
}

/** A question to the manifest store is a workflow, too, for only workers reach the store. */
export const manifestsWorkflowId = (
  { ask }: ManifestQuery,
  askedAt: Date,
  random = randomBytes(3).toString('hex'),
): string => ['manifests', ask, timeText(askedAt), random].join('-');

const timeText = (at: Date): string => `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
