/** One thing that was looked at, and what to do about it where it is not as it should be. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}
