import { writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import {
  bundleWorkflowCode,
  type BundleOptions,
  type Logger,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

// Of the kind that this file is: TypeScript in a checkout, JavaScript in the package.
const workflowsPath = join(import.meta.dirname, '..', 'workflows', `index${extname(import.meta.filename)}`);

/**
 * Bundles the workflows as the worker and the replay tests run them. It fails on what workflow code must not import:
 * Node's modules and everything that reaches them.
 */
export async function bundleWorkflows(logger?: Logger): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath,
    webpackConfigHook: keepSyntax,
    ...(logger === undefined ? {} : { logger }),
  });
}

type WebpackConfig = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];

/** The part of the SDK's rules that is changed. */
interface SwcRule {
  readonly test?: RegExp;
  readonly use: { readonly options: { readonly jsc: { target: string } } };
}

/**
 * Only the types are taken out. By default the code is written anew for ES2017, where each spread becomes a loop of
 * defineProperty: with a long plan that was a good part of what a workflow task costs.
 */
function keepSyntax(config: WebpackConfig): WebpackConfig {
  const rules = (config.module?.rules ?? []) as readonly unknown[] as readonly SwcRule[];
  const rule = rules.find(({ test }) => test?.test('workflow.ts') === true);
  if (rule === undefined)
    throw new Error('bundling the workflows: expected a rule of the SDK for .ts, seen none');
  rule.use.options.jsc.target = 'es2022';
  return config;
}

/** `node worker/bundle.ts FILE` writes it for production: workers then start without building anything. */
if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error('usage: node worker/bundle.ts FILE');
  const { code } = await bundleWorkflows();
  await writeFile(file, code);
}
