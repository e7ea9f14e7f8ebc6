/**
 * ready: what the manifest asks for stands. progressing: a controller is at it, or has not looked yet. failed: it
 * has given up or will not get there by itself. ending: being deleted.
 */
export interface Verdict {
  readonly state: 'ready' | 'progressing' | 'failed' | 'ending';
  /** What is expected and what is seen, for people; empty when ready. */
  readonly because: string;
}

export const ready: Verdict = { state: 'ready', because: '' };
export const progressing = (because: string): Verdict => ({ state: 'progressing', because });
export const failed = (because: string): Verdict => ({ state: 'failed', because });
export const ending = (because: string): Verdict => ({ state: 'ending', because });
