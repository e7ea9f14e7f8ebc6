/**
 * What runs are found by in Temporal's list, name → type. All Keyword: the values are names, never free text, and
 * they are readable by everybody who may list runs (Temporal does not encrypt search attributes).
 */
export const searchAttributes = {
  DrDomain: 'Keyword',
  DrRunbook: 'Keyword',
  DrPhase: 'Keyword',
  DrMode: 'Keyword',
  DrOutcome: 'Keyword',
  DrFrom: 'Keyword',
  DrTo: 'Keyword',
} as const;

export type SearchAttributeName = keyof typeof searchAttributes;

/** The one function that names the lock: whoever moves something in a failover domain runs under this workflow id. */
export const planWorkflowId = (domain: string): string => `failover/${domain}`;

/** Where a plan runs that moves nothing: one at a time of each runbook, and never in the way of a move. */
export const recordingWorkflowId = (runbook: string, domain: string): string => `${runbook}/${domain}`;
