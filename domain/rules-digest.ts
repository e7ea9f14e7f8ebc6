import { createHash } from 'node:crypto';
import { rulesDigestText, type RoutingRules, type StampedRules } from './routing.ts';

/** Apart from routing.ts, which workflows bundle: they have no node:crypto. */
export const rulesDigest = (rules: RoutingRules): string =>
  createHash('sha256').update(rulesDigestText(rules)).digest('hex');

export const stampRules = (rules: RoutingRules): StampedRules => ({ ...rules, digest: rulesDigest(rules) });
