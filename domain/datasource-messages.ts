import type { Acknowledgement, DatasourceDocument, RegisteredConsumer } from './datasource.ts';
import { maxDocumentBytes } from './datasource-document.ts';

/** A message that is not what the protocol says; the text names the field, what was expected and what was seen. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

type Check = (value: unknown) => string | undefined;
type Shape = { readonly [field: string]: { readonly check: Check; readonly optional?: true } };

/** Epochs start at 1; beyond 2^53 JSON numbers are no longer exact. */
const wholeNumber =
  (from: number, to: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
      ? undefined
      : `a whole number from ${from} to ${to}`;

/** Printable: these texts end in logs, SQL host names and registry keys. */
const text =
  (maximum: number, minimum = 1): Check =>
  (value) =>
    typeof value === 'string' && value.length >= minimum && value.length <= maximum && !/\p{Cc}/u.test(value)
      ? undefined
      : `a text of ${minimum} to ${maximum} printable characters`;

const pattern =
  (regex: RegExp, words: string): Check =>
  (value) =>
    typeof value === 'string' && regex.test(value) ? undefined : words;

const epoch = wholeNumber(1, Number.MAX_SAFE_INTEGER);
const name = text(128);
const digest = pattern(/^[0-9a-f]{64}$/, 'a SHA-256 of 64 lower-case hexadecimal digits');

const targetShape: Shape = {
  epoch: { check: epoch },
  operation: { check: text(256) },
  datasource: { check: name },
  domain: { check: name },
  engine: { check: pattern(/^(mysql|mariadb)$/, 'mysql or mariadb') },
  primary: { check: name },
  host: { check: text(256) },
  port: { check: wholeNumber(1, 65_535) },
  schema: { check: text(64) },
  user: { check: text(128) },
  password: { check: pattern(/^(env|file):\S.{0,1022}$/, 'a reference env:NAME or file:PATH') },
  serverIdentity: { check: text(64) },
};

const acknowledgementShape: Shape = {
  epoch: { check: epoch },
  operation: { check: text(256) },
  datasource: { check: name },
  consumer: { check: name },
  digest: { check: digest },
  appliedAt: { check: wholeNumber(0, Number.MAX_SAFE_INTEGER) },
  via: { check: pattern(/^(center|collector)$/, 'center or collector') },
  refused: { check: text(1_024), optional: true },
};

const registeredShape: Shape = {
  consumer: { check: name },
  site: { check: name },
  datasource: { check: name },
  epoch: { check: wholeNumber(0, Number.MAX_SAFE_INTEGER) },
  operation: { check: text(256, 0) },
  digest: { check: text(64, 0) },
  refused: { check: text(1_024), optional: true },
};

const followerShape: Shape = {
  datasource: { check: name },
  consumer: { check: name },
  site: { check: name },
};

export interface StreamFollower {
  readonly datasource: string;
  readonly consumer: string;
  readonly site: string;
}

/** What was seen, short enough for a log line. Objects by kind only: they may hold anything. */
export function seen(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  const shown = JSON.stringify(value) ?? typeof value;
  return shown.length > 80 ? `${shown.slice(0, 77)}…` : shown;
}

export function object(value: unknown, what: string): { readonly [key: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedMessage(`${what}: expected a JSON object, seen ${seen(value)}`);
  }
  return value as { readonly [key: string]: unknown };
}

/** Every problem at once. Unknown fields are an error only where `exact`: documents must be readable by older followers. */
function check(
  value: unknown,
  what: string,
  shape: Shape,
  exact: boolean,
): { readonly [key: string]: unknown } {
  const fields = object(value, what);
  const problems: string[] = [];
  for (const [field, { check: expected, optional }] of Object.entries(shape)) {
    const given = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (given === undefined && optional === true) continue;
    const wanted = expected(given);
    if (wanted === undefined) continue;
    // Whoever writes the secret itself into a document must not find it in every log, too.
    problems.push(
      `${field}: expected ${wanted}, seen ${field === 'password' ? 'something else' : seen(given)}`,
    );
  }
  if (exact) {
    for (const field of Object.keys(fields)) {
      if (!Object.hasOwn(shape, field)) problems.push(`${field}: not a field of ${what}`);
    }
  }
  if (problems.length > 0) throw new MalformedMessage(`${what}: ${problems.join('; ')}`);
  return fields;
}

/** A later version may add fields, flat ones: digesting must not follow whatever depth somebody sends. */
function checkFlat(fields: { readonly [key: string]: unknown }, what: string): void {
  for (const [field, member] of Object.entries(fields)) {
    if (field === 'candidates' || (field === 'previous' && what === 'document')) continue;
    const items: readonly unknown[] = Array.isArray(member) ? member : [member];
    if (items.some((item) => typeof item === 'object' && item !== null)) {
      throw new MalformedMessage(
        `${what}: ${field}: expected a plain value or a list of them, seen ${seen(member)}`,
      );
    }
  }
}

const candidateShape: Shape = {
  node: { check: name },
  host: { check: text(256) },
  port: { check: wholeNumber(1, 65_535) },
};

function checkCandidates(candidates: unknown, what: string): void {
  if (candidates === undefined) return;
  if (!Array.isArray(candidates) || candidates.length > 100) {
    throw new MalformedMessage(
      `${what}: candidates: expected a list of at most 100 servers, seen ${seen(candidates)}`,
    );
  }
  for (const candidate of candidates) check(candidate, `${what}: candidates`, candidateShape, true);
}

export function checkDocument(value: unknown): DatasourceDocument {
  const fields = check(value, 'document', targetShape, false);
  checkFlat(fields, 'document');
  const { canary, previous, candidates } = fields;
  if (canary !== undefined && (!Array.isArray(canary) || canary.some((one) => name(one) !== undefined))) {
    throw new MalformedMessage(`document: canary: expected a list of consumer names, seen ${seen(canary)}`);
  }
  checkCandidates(candidates, 'document');
  if (previous !== undefined) {
    const target = check(previous, 'document: previous', targetShape, false);
    checkFlat(target, 'document: previous');
    checkCandidates(target['candidates'], 'document: previous');
  }
  return fields as unknown as DatasourceDocument;
}

/** @throws MalformedMessage when the text is no datasource document */
export function parseDocument(content: string): DatasourceDocument {
  if (content.length > maxDocumentBytes) {
    throw new MalformedMessage(
      `document: expected at most ${maxDocumentBytes} characters, seen ${content.length}`,
    );
  }
  return checkDocument(parseJson(content, 'document'));
}

export const checkAcknowledgement = (value: unknown): Acknowledgement =>
  check(value, 'acknowledgement', acknowledgementShape, true) as unknown as Acknowledgement;

/** Who is reached over a collector's stream. */
export const checkStreamFollower = (value: unknown): StreamFollower =>
  check(value, 'follower', followerShape, true) as unknown as StreamFollower;

export const checkRegisteredConsumer = (value: unknown): RegisteredConsumer =>
  check(value, 'consumer', registeredShape, false) as unknown as RegisteredConsumer;

export function parseJson(content: string, what: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    // The parser's own text may quote the input; only its position is of use.
    const position = /position \d+/.exec(String(error))?.[0];
    throw new MalformedMessage(`${what}: not JSON${position === undefined ? '' : ` (${position})`}`);
  }
}
