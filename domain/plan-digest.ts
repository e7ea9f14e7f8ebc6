import { canonicalJson } from './json.ts';
import type { Plan } from './plan.ts';
import { sha256Hex } from './sha256.ts';

/**
 * The digest of a plan without its `digest` and `mode`. Workflows compute it, too, and compute it again whenever they are
 * replayed: a plan of version 1 must have the same one for ever.
 */
export function planDigest(plan: Omit<Plan, 'digest'>): string {
  const { mode: _mode, digest: _digest, ...bound } = plan as Plan;
  return sha256Hex(canonicalJson(bound));
}
