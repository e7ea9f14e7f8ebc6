/** What an election knows of a survivor; counts are transactions. */
export interface Survivor {
  readonly name: string;
  /** In the wanted site, promotable, and nothing speaks against it. */
  readonly eligible: boolean;
  /** Received by anybody among the survivors, but not by this one. */
  readonly missing: number;
  /** Why nothing can be taken from it: a broken applier, transactions of its own. '' when it is sound. */
  readonly obstacle: string;
  /** An earlier attempt has already taken it out of replication. */
  readonly detached: boolean;
}

export type Election =
  | {
      readonly kind: 'elected';
      readonly name: string;
      readonly catchUpFrom?: string;
      readonly because: string;
    }
  | { readonly kind: 'none'; readonly reasons: readonly string[] };

/**
 * Elects by what was received, never by what was applied; the site comes second: a standby of the wanted site that
 * holds less first catches up from the one that holds all.
 */
export function elect(survivors: readonly Survivor[]): Election {
  const usable = survivors.filter((one) => one.obstacle === '').sort(byPreference);
  const complete = usable.filter((one) => one.missing === 0);
  const [winner] = complete.filter((one) => one.eligible);
  if (winner !== undefined)
    return {
      kind: 'elected',
      name: winner.name,
      because: `${winner.name} holds everything that any survivor received`,
    };
  const [holder] = complete;
  const [preferred] = usable
    .filter((one) => one.eligible)
    .sort((a, b) => a.missing - b.missing || byPreference(a, b));
  if (preferred === undefined)
    return {
      kind: 'none',
      reasons: [
        'no standby of the wanted site can be promoted',
        ...survivors.filter((one) => one.obstacle !== '').map((one) => `${one.name}: ${one.obstacle}`),
      ],
    };
  if (holder !== undefined)
    return {
      kind: 'elected',
      name: preferred.name,
      catchUpFrom: holder.name,
      because: `${preferred.name} lacks ${preferred.missing} transaction(s) that ${holder.name} holds, and catches up from it`,
    };
  const holders = survivors.filter((one) => one.obstacle !== '' && one.missing === 0);
  const names = holders.map((one) => `${one.name} (${one.obstacle})`).join(' and ');
  return {
    kind: 'none',
    reasons: [
      holders.length > 0
        ? `everything that was received is only on ${names}: repair that and retry, or accept the loss of ${preferred.missing} transaction(s) with ${preferred.name} (acceptLoss)`
        : `no survivor holds everything that the survivors together received: ${preferred.name}, the best, lacks ${preferred.missing} transaction(s); their histories differ, a person must decide (acceptLoss)`,
    ],
  };
}

/** Where the operator accepts the loss: the best of the usable ones, and what it lacks. */
export function electWithLoss(
  survivors: readonly Survivor[],
): { readonly name: string; readonly lacks: number } | undefined {
  const [best] = survivors
    .filter((one) => one.eligible && one.obstacle === '')
    .sort((a, b) => a.missing - b.missing || byPreference(a, b));
  return best === undefined ? undefined : { name: best.name, lacks: best.missing };
}

/** One that an earlier attempt chose stays chosen; then by name, so that every attempt elects the same. */
const byPreference = (a: Survivor, b: Survivor): number =>
  Number(b.detached) - Number(a.detached) || (a.name < b.name ? -1 : 1);
