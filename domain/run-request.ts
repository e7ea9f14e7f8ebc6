import type { RunRequest } from './run.ts';

/** A request with every default filled in: what the compiler and the report work with. */
export type FullRunRequest = RunRequest &
  Required<Pick<RunRequest, 'mode' | 'style' | 'drill' | 'reason' | 'by'>>;

export type ParsedRequest = { readonly request: FullRunRequest } | { readonly problems: readonly string[] };

type Check = (value: unknown) => string | undefined;

const oneOf =
  (...choices: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && choices.includes(value) ? undefined : choices.join(' or ');

const name: Check = (value) =>
  typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,62}$/.test(value)
    ? undefined
    : 'a name of lower-case letters, digits, dots, dashes or underscores';

const sentence: Check = (value) =>
  typeof value === 'string' && value.trim() !== '' && value.length <= 1_000
    ? undefined
    : 'a text of 1 to 1000 characters';

const record: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object';

const checks: { readonly [Field in keyof Required<RunRequest>]: Check } = {
  runbook: name,
  from: name,
  to: name,
  mode: oneOf('precheck', 'real'),
  drill: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  style: oneOf('graceful', 'forced'),
  reason: sentence,
  by: sentence,
  planDigest: (value) =>
    typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
      ? undefined
      : 'the 64 hex digits of a plan digest',
  parameters: record,
};

export const requestFields = Object.keys(checks) as readonly (keyof RunRequest)[];

/** Checks what a run was started with; every problem at once, each naming field, expected and seen. */
export function parseRunRequest(value: unknown): ParsedRequest {
  if (record(value) !== undefined) {
    return {
      problems: [
        `the input must be one JSON object, e.g. {"runbook": "site-failover", "from": "east", "to": "west"}; ` +
          `seen ${seen(value)}`,
      ],
    };
  }
  const members = value as { readonly [field: string]: unknown };
  const problems = [
    ...Object.keys(members)
      .filter((field) => !(field in checks))
      .map((field) => `unknown field ${JSON.stringify(field)}; fields: ${requestFields.join(', ')}`),
    ...requestFields.flatMap((field) => fieldProblems(field, members[field])),
    ...missing(members),
  ];
  if (problems.length > 0) return { problems };
  const request = value as RunRequest;
  return {
    request: {
      ...request,
      mode: request.mode ?? 'precheck',
      style: request.style ?? 'graceful',
      drill: request.drill ?? false,
      reason: request.reason ?? 'precheck',
      by: request.by ?? 'not said',
    },
  };
}

function fieldProblems(field: keyof RunRequest, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const expected = checks[field](value);
  return expected === undefined ? [] : [`${field} must be ${expected}; seen ${seen(value)}`];
}

/** Whoever really moves traffic says who he is and why: the record and the approval rule need both. */
function missing(members: { readonly [field: string]: unknown }): readonly string[] {
  const required = members.mode === 'real' ? ['runbook', 'by', 'reason'] : ['runbook'];
  const why = members.mode === 'real' ? ' for mode real' : '';
  const absent = required
    .filter((field) => members[field] === undefined)
    .map((field) => `${field} is required${field === 'runbook' ? '' : why}`);
  const isSameSite = members.from !== undefined && members.from === members.to;
  return isSameSite ? [...absent, `from and to are both ${seen(members.from)}; they must differ`] : absent;
}

function seen(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
