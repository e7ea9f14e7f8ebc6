import type { Style } from '../step.ts';
import { itemKey, restoreState, type BackupItem } from './restore-plan.ts';

/** Velero writes about its location each minute, as it comes by default; this much later it is not running. */
export const SILENT_MS = 5 * 60_000;
const SHOWN = 5;

/** A Restore that does not move, and what else could be seen. */
export interface StalledRestore {
  readonly cluster: string;
  readonly name: string;
  readonly phase: string;
  readonly items: number;
  readonly total: number;
  /** ms without any progress, its own or of those ahead; undefined: it moves, but the time-out has passed. */
  readonly stillMs: number | undefined;
  /** ms since Velero wrote about its location; undefined: it never did. */
  readonly silentMs: number | undefined;
  /** Restores of others that Velero is at: it does one after the other. */
  readonly ahead: readonly string[];
}

export const describeProgress = ({
  phase,
  items,
  total,
}: Pick<StalledRestore, 'phase' | 'items' | 'total'>): string =>
  restoreState(phase) === 'waiting' ? 'not begun' : `${phase} ${items}/${total}`;

/** What a person reads, and what there is to do. A restart of Velero ends the work of others: it is not advised while that moves. */
export function describeStalled(stalled: StalledRestore): string {
  const { cluster, name, phase, stillMs, silentMs, ahead } = stalled;
  const isStill = stillMs !== undefined;
  const why = isStill ? `no progress for ${Math.round(stillMs / 1_000)} s` : 'and the time-out has passed';
  const seen = `restore ${name} on ${cluster} is ${describeProgress(stalled)}, ${why}`;
  const others = `Velero does one after the other, and is at ${ahead.join(', ')}`;
  if (ahead.length > 0 && !isStill) return `${seen}: ${others}; see to that one`;
  const doubt = `is Velero running there? ${describeSilence(silentMs)}`;
  if (ahead.length > 0) {
    return `${seen}: ${others}, which does not move either: ${doubt}; a restart makes it give that one up and take up this one`;
  }
  const remedy =
    restoreState(phase) === 'waiting'
      ? 'start it: it then takes this restore up'
      : 'restart it: it then gives this restore up, and a retry has the rest restored';
  return `${seen}: ${doubt}; ${remedy}`;
}

export function describeSilence(silentMs: number | undefined): string {
  if (silentMs === undefined) return 'It has never looked into the bucket';
  return `It looked into the bucket ${Math.round(silentMs / 1_000)} s ago`;
}

/** What a restore that Velero does not finish means for the step, in either style. */
export function withoutVelero(style: Style, missing: readonly BackupItem[]): string {
  const shown = missing.slice(0, SHOWN).map(itemKey).join(', ');
  const which = `${missing.length} objects (${shown}${missing.length > SHOWN ? ' …' : ''})`;
  return style === 'forced'
    ? `went on without the ${which} that it was to bring`
    : `then retry; forced goes on without the ${which} that it was to bring`;
}
