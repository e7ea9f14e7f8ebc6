import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './json.ts';
import type { Plan } from './plan.ts';

/**
 * SHA-256 of a plan without its `digest` and `mode`, in hex. Workflows compute it, too, and their sandbox lacks
 * node:crypto. They compute it again whenever they are replayed: a plan of version 1 must have the same one for ever.
 */
export function planDigest(plan: Omit<Plan, 'digest'>): string {
  const { mode: _mode, digest: _digest, ...bound } = plan as Plan;
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(bound))));
}
