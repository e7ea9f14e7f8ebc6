export { executePlan } from './execute-plan.ts';
export { readManifests } from './read-manifests.ts';
export { runRunbook } from './run-runbook.ts';
