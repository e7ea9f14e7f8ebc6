import type { ApproveCommand, DeclineCommand } from './run-commands.ts';

/** Who may answer, and to what: an approval counts for one plan only. */
export interface ApprovalRule {
  readonly planDigest: string;
  readonly requestedBy: string;
  /** Empty: anybody but the requester. */
  readonly approvers: readonly string[];
}

const shortestDigest = 12;
const sameName = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();

/** Why this approval does not count; undefined when it does. */
export function approvalRefusal(rule: ApprovalRule, approval: ApproveCommand): string | undefined {
  const digest = approval.planDigest.trim();
  if (digest.length < shortestDigest || !rule.planDigest.startsWith(digest)) {
    return (
      `the approval names plan ${digest}, but the plan that waits is ${rule.planDigest}; ` +
      `look at that plan and approve it by its digest (at least ${shortestDigest} characters)`
    );
  }
  if (sameName(approval.by, rule.requestedBy)) {
    return `${approval.by} asked for this run and cannot approve it; somebody else has to`;
  }
  return whoRefusal(rule, approval.by, 'approve');
}

/** Whoever may approve may decline; so may the requester, who thereby takes the request back. */
export function declineRefusal(rule: ApprovalRule, decline: DeclineCommand): string | undefined {
  return sameName(decline.by, rule.requestedBy) ? undefined : whoRefusal(rule, decline.by, 'decline');
}

function whoRefusal(rule: ApprovalRule, by: string, what: string): string | undefined {
  if (rule.approvers.length === 0 || rule.approvers.some((approver) => sameName(approver, by)))
    return undefined;
  return `${by} may not ${what} this run; those who may are ${rule.approvers.join(', ')}`;
}
