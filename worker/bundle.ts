import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/**
 * Bundles the workflows as the worker and the replay tests run them. It fails on what workflow code must not import:
 * Node's modules and everything that reaches them.
 */
export async function bundleWorkflows(logger?: Logger): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({ workflowsPath, ...(logger === undefined ? {} : { logger }) });
}

/** `node worker/bundle.ts FILE` writes it for production: workers then start without building anything. */
if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error('usage: node worker/bundle.ts FILE');
  const { code } = await bundleWorkflows();
  await writeFile(file, code);
}
