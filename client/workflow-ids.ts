import { randomBytes } from 'node:crypto';
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
  const time = startedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return [runbook, from, to, `${time}Z`, random].filter((part) => part !== undefined).join('-');
}
