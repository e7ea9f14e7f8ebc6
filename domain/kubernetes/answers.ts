import { list, mapping, textOf } from './object.ts';

/** The API server's own word for what went wrong (`kind: Status`), as far as we read it. */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly { readonly reason: string; readonly field: string; readonly message: string }[];
  readonly retryAfterSeconds?: number;
}

/** @param text the body of an answer with a code from 400 on; not always JSON */
export function readStatus(code: number, text: string): ApiStatus {
  const body = parse(text);
  const details = mapping(body['details']);
  const seconds = Number(details['retryAfterSeconds']);
  return {
    code,
    reason: textOf(body['reason']),
    message: typeof body['message'] === 'string' ? body['message'] : text.slice(0, 500),
    causes: list(details['causes']).map((cause) => ({
      reason: textOf(mapping(cause)['reason']),
      field: textOf(mapping(cause)['field']),
      message: textOf(mapping(cause)['message']),
    })),
    ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}),
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return mapping(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * busy: the server asks to come back later. passing: it is starting, loses a peer or does not know the namespace or
 * kind yet. doubtful: as a rule final, yet seen for seconds after an API server came back (its RBAC was not loaded).
 * final: trying again would not help.
 */
export type AnswerClass = 'busy' | 'passing' | 'doubtful' | 'final';

export function classifyAnswer(status: ApiStatus): AnswerClass {
  const { code, reason, message } = status;
  if (code === 429) return 'busy';
  if (code === 401 || code === 403) return isNamespaceEnding(status) ? 'passing' : quotaOr(message);
  // 500 is also how server-side apply says that a field does not exist; and how a webhook fails whose pods come up.
  if (code === 500) return isBadPatch.test(message) ? 'final' : 'passing';
  if (code === 502 || code === 503 || code === 504 || code === 408) return 'passing';
  if (code === 409) return reason === 'AlreadyExists' ? 'passing' : 'final';
  return 'final';
}

const isBadPatch = /failed to create (typed )?patch object|field not declared in schema|failed to convert/;

/** A 403 is also how admission says "exceeded quota": that one is no matter of patience. */
const quotaOr = (message: string): AnswerClass => (message.includes('exceeded quota') ? 'final' : 'doubtful');

const isNamespaceEnding = ({ causes }: ApiStatus): boolean =>
  causes.some(({ reason }) => reason === 'NamespaceTerminating');

export interface FieldConflict {
  readonly manager: string;
  readonly field: string;
}

/** Who owns the fields that a server-side apply without force was refused for. */
export function fieldConflicts({ code, causes }: ApiStatus): readonly FieldConflict[] {
  if (code !== 409) return [];
  return causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ message, field }) => ({
      manager: /conflict with "([^"]*)"/.exec(message)?.[1] ?? message,
      field,
    }));
}

/** How often and how long the classes are tried again. */
export interface Patience {
  readonly busyMs: number;
  readonly passingMs: number;
  readonly doubtfulMs: number;
}

/** An API server that was killed is back within half a minute or is not coming back by itself. */
export const usualPatience: Patience = { busyMs: 120_000, passingMs: 60_000, doubtfulMs: 5_000 };

/**
 * ms until the next attempt, or undefined to give up.
 * @param random in [0, 1)
 */
export function nextAttemptIn(
  options: {
    readonly class: AnswerClass;
    readonly attempt: number;
    readonly elapsedMs: number;
    readonly retryAfterMs?: number;
    readonly random: number;
  },
  patience: Patience = usualPatience,
): number | undefined {
  if (options.class === 'final') return undefined;
  const budget = { busy: patience.busyMs, passing: patience.passingMs, doubtful: patience.doubtfulMs }[
    options.class
  ];
  const backOff = Math.min(100 * 2 ** Math.min(options.attempt - 1, 6), 3_000);
  const asked = options.retryAfterMs ?? 0;
  // Spread out beyond what was asked: those who were sent away together would come back together.
  const wait = Math.max(asked * (1 + options.random / 2), backOff * (0.5 + options.random / 2));
  return options.elapsedMs + wait > budget ? undefined : wait;
}
