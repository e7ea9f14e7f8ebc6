import { z } from 'zod';
import type { PeerAnswer, PromiseRequest } from '../gateway-protocol.ts';
import type { StampedRules } from '../routing.ts';
import { name } from './inventory.ts';
import { knownKeys, sentencesOf } from './zod-problems.ts';

/** Largest number that stays exact in every implementation of this protocol (Lua and JavaScript count in doubles). */
const highestEpoch = 9_007_199_254_740_990;

const epoch = z.int().min(0).max(highestEpoch);
const claimEpoch = z
  .int()
  .min(2)
  .max(highestEpoch)
  .refine((value) => value % 2 === 0, 'an even number: a claim covers its epoch and the next one');
/** Printable and without the separators of the map file. */
const operation = z
  .string()
  .regex(/^[^\s|\p{Cc}]{1,256}$/u, 'an operation id: 1 to 256 characters, no white space, no "|"');
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex');
const stamp = z.strictObject({ epoch, operation: z.string().max(256) });
const rule = z.strictObject({ unit: name, state: z.enum(['open', 'fenced']) });

const promiseRequest = z.strictObject({ domain: name, epoch: claimEpoch, operation });

const stampedRules = z.strictObject({
  domain: name,
  epoch,
  operation,
  members: z.array(name).min(1).max(1_000),
  table: z.array(rule).min(1).max(10_000),
  digest,
});

/** Rules as a peer reports them may be those of the beginning, which no operation has made. */
const reportedRules = stampedRules.extend({ operation: z.string().max(256) });

const peerAnswer = z.strictObject({
  gateway: name,
  joined: z.boolean(),
  promised: stamp,
  accepted: reportedRules,
});

export type Parsed<Message> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly problems: readonly string[] };

export const parsePromiseRequest = (value: unknown): Parsed<PromiseRequest> => parse(promiseRequest, value);
export const parseRules = (value: unknown): Parsed<StampedRules> => parse(stampedRules, value);
export const parsePeerAnswer = (value: unknown): Parsed<PeerAnswer> => parse(peerAnswer, value);
export const parseReportedRules = (value: unknown): Parsed<StampedRules> => parse(reportedRules, value);
export const parseStamp = (value: unknown): Parsed<{ epoch: number; operation: string }> =>
  parse(stamp, value);

const mostProblems = 5;

function parse<Message>(schema: z.ZodType<Message>, value: unknown): Parsed<Message> {
  const result = schema.safeParse(value, { error: knownKeys });
  if (result.success) return { ok: true, message: result.data };
  const problems = sentencesOf(result.error.issues, value, 'message');
  const more = problems.length - mostProblems;
  return {
    ok: false,
    problems: more > 0 ? [...problems.slice(0, mostProblems), `and ${more} more`] : problems,
  };
}
