export { executePlan } from './execute-plan.ts';
export { runRunbook } from './run-runbook.ts';
