import type { ApiStatus, FieldConflict } from '../../domain/kubernetes/answers.ts';

/** The server itself says no more than "Unauthorized", twice. */
const notAccepted =
  'Unauthorized: the server does not accept the credentials of the kubeconfig (expired or revoked?)';

/** The API server answered with an error: it did not do what was asked. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly cluster: string;
  readonly status: ApiStatus;
  readonly conflicts: readonly FieldConflict[];
  constructor(
    cluster: string,
    attempted: string,
    status: ApiStatus,
    conflicts: readonly FieldConflict[] = [],
  ) {
    const owners = conflicts.map(({ manager, field }) => `${field} belongs to ${manager}`).join(', ');
    const said = `${status.reason} ${owners === '' ? status.message : owners}`;
    super(`${cluster}: ${attempted}: ${status.code} ${status.code === 401 ? notAccepted : said}`);
    this.cluster = cluster;
    this.status = status;
    this.conflicts = conflicts;
  }
}

/** No answer came: whether it was done is unknown. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly cluster: string;
  constructor(cluster: string, attempted: string, cause: unknown) {
    super(`${cluster}: ${attempted}: ${causeOf(cause)}`, { cause });
    this.cluster = cluster;
  }
}

function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? ` (${String(cause.code)})` : '';
  return `${cause.message || cause.name}${code}`;
}

export const hasCode = (error: unknown, code: number): error is ApiError =>
  error instanceof ApiError && error.status.code === code;
