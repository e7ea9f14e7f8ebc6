import { tellErrors } from '../tell-errors.ts';

/** One benchmark of the repository; it parses its own arguments and exits with 1 when a promise was broken. */
interface Benchmark {
  readonly measures: string;
  load(): Promise<{ run(args: string[]): Promise<void> }>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  switchover: {
    measures: 'planned promotion beside the same bare statements, both engines [--rounds N] [--json FILE]',
    load: () => import('./switchover.ts'),
  },
  push: {
    measures:
      'publish to applied and acknowledged at every consumer [--consumers N] [--rounds N] [--warmup N] [--processes N] [--targets A,B] [--own-connections] [--json FILE]',
    load: () => import('./push.ts'),
  },
  flip: {
    measures:
      'moving units under load by the runbooks beside bare calls: misrouted, errors, gap [--rounds N] [--json FILE]',
    load: () => import('./flip.ts'),
  },
  apply: {
    measures:
      'applyManifests beside kubectl and a bare loop on one API server [--objects N] [--also N,N] [--json FILE]',
    load: () => import('./apply.ts'),
  },
  restore: {
    measures:
      'the whole cluster branch beside velero restore and kubectl apply of the same objects [--objects N] [--json FILE]',
    load: () => import('./restore.ts'),
  },
  steps: {
    measures: 'orchestration per sequential step [--steps N] [--json FILE]',
    load: () => import('./steps.ts'),
  },
};

const [name = '', ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (benchmark === undefined) {
  console.error(`npm run bench -- NAME; expected one of these, saw "${name}":`);
  for (const [known, { measures }] of Object.entries(benchmarks))
    console.error(`  ${known.padEnd(12)}${measures}`);
  process.exitCode = 2;
} else {
  tellErrors(`npm run bench -- ${name}: ${benchmark.measures}`);
  await (await benchmark.load()).run(args);
}
