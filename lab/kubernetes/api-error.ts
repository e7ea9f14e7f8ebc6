/** The server answered, with a status from 400 on. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, attempted: string, seen: string) {
    super(`${attempted}: status ${status}: ${seen}`);
    this.name = 'ApiError';
    this.status = status;
  }
}
