import { createHash } from 'node:crypto';
import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../domain/json.ts';
import { planDigest } from '../../domain/plan-digest.ts';
import type { Plan } from '../../domain/plan.ts';

const nodes = (text: string): string => createHash('sha256').update(text).digest('hex');

test("a plan's digest is Node's SHA-256 of its canonical JSON, whatever text stands in it", () => {
  const isNodes = (runbook: string) => {
    const bound = { version: 1, runbook } as unknown as Omit<Plan, 'digest'>;
    return planDigest(bound) === nodes(canonicalJson({ version: 1, runbook }));
  };
  assert(property(string({ unit: 'binary' }), isNodes));
  expect(isNodes('\ud800 ü 🙂')).toBe(true); // a half of a character
});
